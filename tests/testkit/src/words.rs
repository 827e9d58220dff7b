//! What names and addresses are made of.

pub const FIRST: [&str; 80] = [
    "Alder", "Amber", "Anvil", "Apricot", "Aspen", "Badger", "Basalt", "Beacon", "Birch", "Bluff", "Bramble",
    "Buckram", "Canyon", "Cedar", "Chalk", "Clover", "Cobalt", "Copper", "Crescent", "Cypress", "Delta", "Drift",
    "Elder", "Ember", "Falcon", "Fern", "Flint", "Gable", "Garnet", "Gingham", "Glacier", "Granite", "Harbor", "Hazel",
    "Heron", "Hollow", "Indigo", "Ivory", "Juniper", "Kestrel", "Lantern", "Larch", "Lichen", "Linden", "Magpie",
    "Marble", "Meadow", "Meridian", "Mulberry", "Nettle", "Nutmeg", "Onyx", "Opal", "Orchid", "Osprey", "Otter",
    "Pebble", "Pewter", "Plover", "Poplar", "Quartz", "Quince", "Raven", "Reed", "Rowan", "Sable", "Saffron", "Sorrel",
    "Spruce", "Starling", "Summit", "Tansy", "Teasel", "Thistle", "Tundra", "Umber", "Velvet", "Walnut", "Willow",
    "Wren",
];

pub const SECOND: [&str; 24] = [
    "Telecom",
    "Voice",
    "Communications",
    "Networks",
    "Telephone Cooperative",
    "Wireless",
    "Dial",
    "Carrier Services",
    "VoIP",
    "Connect",
    "Broadband",
    "Tel",
    "Fiber",
    "Cloud Calling",
    "Exchange",
    "Switching",
    "Numbers",
    "Trunking",
    "Line",
    "Rural Telephone",
    "Signal",
    "Comms",
    "Interconnect",
    "Long Distance",
];

pub const FORM: [&str; 8] = [" LLC", ", Inc.", " Inc", ", LLC", " Corp.", "", " Ltd", " L.L.C."];

pub const STREET: [&str; 16] = [
    "Alder Way",
    "Bay Road",
    "Canal Street",
    "Dogwood Lane",
    "East Avenue",
    "Foundry Row",
    "Garden Place",
    "Hill Road",
    "Iron Street",
    "Jay Court",
    "Kiln Road",
    "Lower Main Street",
    "Mill Lane",
    "North Loop",
    "Orchard Drive",
    "Pier 4",
];

pub const CITY: [&str; 12] = [
    "Exampleton TX 75001",
    "Samplebury OH 44001",
    "Placeholder WY 82001",
    "Mockville FL 33001",
    "Testham NY 10001",
    "Fauxmont CA 90001",
    "Draftford MN 56001",
    "Specimen NV 89001",
    "Trialton GA 30001",
    "Patternsburg PA 17001",
    "Stencil WA 98001",
    "Modeltown CO 80001",
];

pub const FOREIGN_CITY: [&str; 5] =
    ["Beispielstadt 12345", "Villexemple J4B 1A1", "Ejemplo del Norte 01000", "Örnekköy 34000", "Shablonivka 04000"];

pub const FOREIGN_COUNTRY: [&str; 8] =
    ["Canada", "United Kingdom", "Germany", "India", "Mexico", "Turkey", "Ukraine", "China, Hong Kong SAR"];

pub const TITLE: [&str; 6] = ["President", "CEO", "Operations Manager", "Regulatory Affairs", "CTO", "Owner, Founder"];

pub const DEPARTMENT: [&str; 6] = ["Operations", "", "Compliance", "Legal", "Network, NOC", "none"];

/// What filers write for nothing.
pub const NOTHING: [&str; 5] = ["none", "None", "NONE", "non", "no"];

pub const IMPLEMENTATION: [&str; 4] = [
    "Complete STIR/SHAKEN Implementation",
    "Partial STIR/SHAKEN Implementation - Performing Robocall Mitigation",
    "No STIR/SHAKEN Implementation - Performing Robocall Mitigation",
    "N/A",
];
