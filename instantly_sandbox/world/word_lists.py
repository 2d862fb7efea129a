"""Word lists for the generated names and texts. Every domain ends in `.example`, so no real company appears."""

# ruff: noqa: SIM905 - lists of words are easiest to read as text

FIRST = (
    "Anna Bo Carla David Elena Finn Greta Hugo Ines Jonas Karin Lukas Maria Nils Olivia Pablo Rosa Sven Tina Ugo "
    "Vera Walter Xenia Yara Zoe Aiden Beth Chloe Dylan Emma Felix Grace Henry Isla Jack Kate Liam Mia Noah Owen "
    "Priya Ravi Sofia Tom Uma Victor Wendy Amir Leila Omar Chidi Amara Kenji Yuki Wei Ling Zoë José Łukasz Søren "
    "Björn François Jürgen Ağça Đorđe Ольга 健太"
).split()
LAST = (
    "Lee Ek Berg Lind Novak Rossi Silva Costa Meyer Weber Wagner Fischer Huber Moreau Dubois Lefevre Garcia Lopez "
    "Perez Santos Almeida Jansen DeVries Bakker Peeters Smith Jones Brown Taylor Wilson Evans Walker Wright Hall "
    "Green Baker Adams Nelson Carter Mitchell Turner Parker Cooper Reed Morgan Bell Murphy Bailey Rivera Gray James "
    "Watson Brooks Sanders Price Bennett Wood Barnes Ross Patel Shah Khan Ali Hassan Okafor Mensah Tanaka Sato Kim "
    "Chen Müller Åkesson O'Brien Núñez Çelik Kovač Žižek Иванова 田中"
).split()
LEFT = (
    "Bright North Silver Blue Clear Prime Swift True Bold Open Deep High Solid Urban Green Iron Rapid Lumen Nova "
    "Vertex Delta Summit Harbor Cedar Maple Granite Coral Amber Pixel Quantum Signal Anchor Beacon Compass Orbit "
    "Atlas Echo Zenith Ember Frost Meadow River Stone Falcon Lynx Raven Otter Birch Aspen Willow Copper Cobalt "
    "Indigo Scarlet Ivory Onyx Jade Opal Topaz Garnet Pearl"
).split()
RIGHT = (
    "Forge Labs Works Systems Dental Clinic Partners Group Studio Media Logistics Foods Energy Health Capital Legal "
    "Robotics Software Cloud Data Retail Travel Motors Textiles Optics Pharma Biotech Security Networks Analytics "
    "Consulting Design Build Homes Realty Fitness Academy Learning Games Sports Music Books Print Paper Steel "
    "Plastics Chemicals Farms Marine Aviation Rail Freight Couriers Mobility Power Solar Water Waste"
).split()
TITLES = (
    "CEO|Founder|Head of Sales|VP Marketing|Managing Director|Practice Owner|Operations Manager|CTO|Growth Lead|"
    "Einkaufsleiter|Directrice générale|COO|Head of Partnerships|Office Manager"
).split("|")
CITIES = (
    "Lund|Malmö|Berlin|München|Lyon|Madrid|Porto|Austin|Denver|Toronto|São Paulo|Kraków|Zürich|Wien|Oslo|"
    "København|Dublin|Leeds|Bristol|Antwerp|Utrecht|Milano|Osaka|Singapore"
).split("|")
CAMPAIGN_NAMES = (
    "Q3 Dentists EU|SaaS founders - DACH|Logistics VPs (US)|Recruiters UK & IE|E-commerce 7-figure brands|"
    "Agencies \u2013 white label|Fintech CFOs Nordics|Real estate brokers TX|Cold: law firms ≤50|HR leaders Benelux|"
    "Manufacturers Midwest|Event planners relaunch|Clinics ES/PT|Webinar no-shows|Series A CTOs|Partner revival"
).split("|")
LIST_NAMES = (
    "Dentists Nordics|Apollo export 2025-09|Conference badge scans|Website visitors|SaaS founders raw|Law firms TX|"
    "Do not mix: partners|Ünïcode & Söhne|HR leaders enriched|Old CRM import"
).split("|")
LABELS = (
    ("Send pricing", "positive", 10231),
    ("Call back next quarter", "neutral", 10232),
    ("Competitor customer", "negative", -10233),
    ("Referral given", "positive", 10234),
    ("Legal stop", "negative", -10235),
)
TAGS = ("Warm pool", "Google mailboxes", "Outlook mailboxes", "Client: Orbit", "Priority", "Do not use", "Q4 test")
SENDING_DOMAINS = (
    "acme-outreach",
    "tryacme",
    "acme-mail",
    "meetacme",
    "acmehq",
    "useacme",
    "acme-connect",
    "goacme",
    "withacme",
    "acme-team",
)
BAD_DOMAIN = "getacme-now"
WORKSPACES = ("Acme Outbound", "Orbit Dental Growth", "Nordlys Recruiting", "Harbor Freight Leads", "Summit SaaS")
SUBJECTS = (
    "Quick question, {{firstName}}",
    "{{companyName}} + Acme",
    "Idea for {{companyName}}",
    "Worth a chat?",
    "Saw {{companyName}} in {{city}}",
    "{{firstName}}, 2 minutes?",
)
