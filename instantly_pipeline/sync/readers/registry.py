"""The reader of each way of reading, for the sync, the plan and the doctor."""

from __future__ import annotations

from collections.abc import Mapping

from instantly_pipeline.streams.model import Read, Stream
from instantly_pipeline.sync.events.readers import DeliveriesReader, EventsReader
from instantly_pipeline.sync.leads.read_leads import LeadsReader
from instantly_pipeline.sync.readers.account_batch import AccountBatchReader
from instantly_pipeline.sync.readers.account_mappings import AccountMappingsReader
from instantly_pipeline.sync.readers.account_window import AccountWindowReader
from instantly_pipeline.sync.readers.campaign_days import CampaignDaysReader
from instantly_pipeline.sync.readers.emails import EmailsReader
from instantly_pipeline.sync.readers.increment import IncrementReader
from instantly_pipeline.sync.readers.per_campaign import PerCampaignReader
from instantly_pipeline.sync.readers.per_parent import PerParentReader
from instantly_pipeline.sync.readers.reader import Reader
from instantly_pipeline.sync.readers.scan import ScanReader
from instantly_pipeline.sync.readers.single import ArrayReader, ObjectReader
from instantly_pipeline.sync.readers.windows import CampaignWindowReader, WorkspaceWindowReader

READERS: Mapping[Read, Reader] = {
    Read.OBJECT: ObjectReader(),
    Read.ARRAY: ArrayReader(),
    Read.SCAN: ScanReader(),
    Read.SWEEP: LeadsReader(),
    Read.INCREMENT: IncrementReader(),
    Read.PER_PARENT: PerParentReader(),
    Read.ACCOUNT_MAPPINGS: AccountMappingsReader(),
    Read.BY_CREATION: EmailsReader(),
    Read.PER_CAMPAIGN: PerCampaignReader(),
    Read.CAMPAIGN_WINDOW: CampaignWindowReader(),
    Read.WORKSPACE_WINDOW: WorkspaceWindowReader(),
    Read.CAMPAIGN_DAYS: CampaignDaysReader(),
    Read.ACCOUNT_WINDOW: AccountWindowReader(),
    Read.ACCOUNT_BATCH: AccountBatchReader(),
    Read.EVENTS: EventsReader(),
    Read.DELIVERIES: DeliveriesReader(),
}


def reader_of(stream: Stream) -> Reader:
    """The reader of a stream."""
    return READERS[stream.read]
