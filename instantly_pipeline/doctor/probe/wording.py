"""What may be shown of a message of the API: a report is made to be posted in public.

A message may name a person, a campaign or a workspace, and no pattern finds every name. So only words from a list are
kept: those of the API's own vocabulary.
"""

from __future__ import annotations

import re

_MOST = 25  # words of one message
_WORDS = frozenset(
    re.findall(
        r"\S+",
        """
    a accessible accounts active all allowed an and any api are as at authorization bad be below body by campaign
    campaigns cannot client code cursor date date-time dates days denied disabled do does earlier email emails end
    end_date enough error exceed exceeded exceeds expired feature fewer for forbidden format found from have header id
    ids in include included insufficient integer internal invalid is it item items key larger least leads less level
    limit limited list long many match maximum may message minute missing more most must no not number of one only or
    page params parameter path paid per permission permissions plan platform please premium properties property
    querystring range rate read reached refused request requested requests require required requires resource resources
    retry route scope scopes second seconds server service should start start_date starting_after statuscode string
    temporarily than that the this time to too token unauthorized unavailable uncaught unexpected unknown unsupported
    upgrade uuid valid value was with within workspace workspaces you your window additional
    """,
    )
)
_RESOURCES = (
    "accounts|all|api_keys|audit_logs|campaigns|custom_tags|emails|leads|lead_lists|webhook_events|webhooks|workspaces"
)
_SCOPE = re.compile(rf"({_RESOURCES}):(all|read)\Z")
_WHERE = re.compile(
    r"(querystring|body|params)/(limit|starting_after|start_date|end_date|ids|id|campaign|campaign_id|emails|queries|"
    r"email_type|sort_order|min_timestamp_created|activity_type|to)\Z"
)
_FIGURE = re.compile(r"([<>]=?|\d{1,5})\Z")  # longer numbers may identify something


def public_words(text: str) -> str:
    """The words of a message that say nothing about anybody; `...` for the others."""
    kept: list[str] = []
    for word in text.split()[:_MOST]:
        bare = word.strip("\"'`.,;:!?()[]{}")
        known = bare.lower() in _WORDS or _SCOPE.match(bare) or _WHERE.match(bare) or _FIGURE.match(bare)
        if known:
            kept.append(bare)
        elif not kept or kept[-1] != "...":
            kept.append("...")
    return " ".join(kept)
