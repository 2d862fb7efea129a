"""What live answers leave out: the columns of a lead's last step, and flags that are false."""

from __future__ import annotations

from tests.sandbox.conftest import Api

COLUMNS = {"last_step_from", "last_step_id", "last_step_timestamp_executed", "last_contacted_from"}


def test_the_last_step_of_a_lead_stands_in_its_summary_alone_unless_switched_off(api: Api) -> None:
    leads = [lead for lead in api.leads() if lead.get("timestamp_last_contact")]
    assert leads
    assert not any(COLUMNS & lead.keys() for lead in leads)
    assert all(lead["status_summary"] for lead in leads)
    api.switch(last_step_in_summary=False)
    assert all(lead.keys() >= COLUMNS for lead in api.leads() if lead.get("timestamp_last_contact"))
    api.switch(last_step_in_summary=True)
    assert not any(COLUMNS & lead.keys() for lead in api.leads())


def test_flags_that_are_false_are_left_out_where_asked_and_variables_of_a_lead_are_not(api: Api) -> None:
    before = api.items("campaigns")
    assert any(False in campaign.values() for campaign in before)
    api.switch(omit_false=True)
    assert not any(value is False for campaign in api.items("campaigns") for value in campaign.values())
    assert not any(value is False for account in api.items("accounts") for value in account.values())
    assert any(value is False for lead in api.leads() for value in lead["payload"].values())
    api.switch(omit_false=["accounts"])
    assert api.items("campaigns") == before
    api.switch(omit_false=False)
