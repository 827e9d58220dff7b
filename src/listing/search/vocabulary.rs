//! What is known of words in names: which only say what a company is, and which are short for which.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

/// Words that say what a company is, not which, in all writings met.
const FORMS: &[&str] = &[
    "ab",
    "ag",
    "aps",
    "as",
    "asa",
    "bhd",
    "bv",
    "bvba",
    "ca",
    "cia",
    "co",
    "company",
    "corp",
    "corporation",
    "cv",
    "doo",
    "eirl",
    "eood",
    "gmbh",
    "gp",
    "inc",
    "incorporated",
    "incorporation",
    "jsc",
    "kft",
    "kg",
    "kk",
    "liability",
    "limited",
    "llc",
    "lllp",
    "llp",
    "lp",
    "ltd",
    "ltda",
    "mbh",
    "nv",
    "ood",
    "ooo",
    "oy",
    "partnership",
    "pc",
    "plc",
    "pllc",
    "private",
    "pte",
    "pty",
    "pvt",
    "rl",
    "sa",
    "sadecv",
    "sapi",
    "sarl",
    "sas",
    "sdn",
    "sia",
    "sl",
    "slu",
    "spa",
    "sro",
    "srl",
    "uab",
    "ug",
    "zrt",
];

/// Several words, and the one word for them.
pub const PHRASES: &[(&[&str], &str)] = &[
    (&["l", "l", "c"], "llc"),
    (&["l", "l", "p"], "llp"),
    (&["co", "op"], "coop"),
    (&["public", "limited", "company"], "plc"),
    (&["s", "a", "de", "c", "v"], "sadecv"),
    (&["sa", "de", "cv"], "sadecv"),
    (&["sa", "de", "c", "v"], "sadecv"),
    (&["s", "de", "r", "l", "de", "c", "v"], "sadecv"),
    (&["s", "de", "rl", "de", "cv"], "sadecv"),
    (&["s", "a", "p", "i", "de", "c", "v"], "sadecv"),
    (&["sapi", "de", "cv"], "sadecv"),
    (&["s", "de", "r", "l"], "srl"),
];

/// Legal forms of single letters, at the end of a name.
pub const LAST_PHRASES: &[(&[&str], &str)] = &[
    (&["l", "p"], "lp"),
    (&["s", "a"], "sa"),
    (&["p", "c"], "pc"),
    (&["b", "v"], "bv"),
    (&["n", "v"], "nv"),
    (&["a", "g"], "ag"),
    (&["p", "l", "c"], "plc"),
    (&["s", "r", "l"], "srl"),
    (&["s", "p", "a"], "spa"),
    (&["s", "a", "s"], "sas"),
];

/// Words that stand in any name and say little.
const LITTLE: &[&str] = &["of", "in", "at", "for", "de", "del", "la", "y", "et", "und", "a"];

/// Words that mean the same, each row. A word may stand in two of them.
const SAME: &[&[&str]] = &[
    &[
        "telecom",
        "telecommunications",
        "telecommunication",
        "telecomm",
        "telecomms",
        "telecoms",
        "telcom",
        "telcomm",
        "telekom",
        "telecomunicaciones",
        "telecomunicacoes",
        "telco",
        "tcom",
        "tlcm",
    ],
    &[
        "communications",
        "communication",
        "comm",
        "comms",
        "commun",
        "communic",
        "comunicaciones",
        "com",
        "coms",
        "cmns",
    ],
    &["telephone", "telephony", "tel", "tele", "telefonica", "phone", "teleph", "telephones", "tph"],
    &["technologies", "technology", "tech", "techs", "technol", "tecnologia", "technical"],
    &["services", "service", "svc", "svcs", "serv", "servs", "srvc", "srvcs", "srv", "servicios"],
    &["solutions", "solution", "soln", "solns", "sol", "sols", "soluciones"],
    &["systems", "system", "sys", "syst", "syss"],
    &["networks", "network", "networking", "net", "nets", "ntwk", "netwk", "ntwks", "nw", "netw"],
    &["international", "intl", "internatl", "int", "internacional"],
    &["national", "natl", "nat", "nacional"],
    &["associates", "associate", "assoc", "assocs", "assc"],
    &["association", "assoc", "assn", "asso", "assc"],
    &["associated", "assoc"],
    &["cooperative", "coop", "cooperatives"],
    &["brothers", "bros", "bro"],
    &["manufacturing", "mfg", "manuf"],
    &["management", "mgmt", "mgt", "mngmt", "managed"],
    &["group", "grp", "gp"],
    &["enterprises", "enterprise", "ent", "ents", "entpr"],
    &["distance", "dist"],
    &["distribution", "dist", "distributors", "distributing"],
    &["information", "info"],
    &["software", "sw"],
    &["holdings", "holding", "hldgs", "hldg", "hold", "holdco"],
    &["center", "centre", "ctr", "cntr", "centers"],
    &["university", "univ", "u"],
    &["government", "govt", "gov", "govtl"],
    &["department", "dept"],
    &["electric", "electrical", "elec", "elect"],
    &["electronics", "electronic", "elec", "elect"],
    &["utilities", "utility", "util", "utils"],
    &["business", "bus", "biz", "businesses"],
    &["consulting", "consultants", "consultancy", "cons", "consult", "consultant"],
    &["development", "dev", "devel", "developments"],
    &["engineering", "eng", "engr", "engg"],
    &["industries", "industry", "industrial", "ind", "inds", "indus"],
    &["insurance", "ins"],
    &["marketing", "mktg", "mkt", "mkting"],
    &["medical", "med"],
    &["mount", "mt", "mountain", "mtn", "mountains", "mtns"],
    &["saint", "st"],
    &["fort", "ft"],
    &["north", "n", "no", "northern"],
    &["south", "s", "so", "southern"],
    &["east", "e", "eastern"],
    &["west", "w", "western"],
    &["northwest", "nw", "northwestern"],
    &["southwest", "sw", "southwestern"],
    &["northeast", "ne", "northeastern"],
    &["southeast", "se", "southeastern"],
    &["us", "usa", "america", "american", "amer", "am"],
    &["wireless", "wrls", "wl", "wrless", "wls"],
    &["broadband", "bb", "brdbnd", "bband"],
    &["county", "cty", "cnty", "co"],
    &["public", "pub"],
    &["authority", "auth"],
    &["administration", "admin"],
    &["advanced", "adv", "advncd"],
    &["cellular", "cell", "cel"],
    &["digital", "digi", "dig", "dgtl"],
    &["division", "div"],
    &["financial", "fin", "finance"],
    &["hospital", "hosp"],
    &["laboratories", "laboratory", "labs", "lab"],
    &["mutual", "mut", "mutl"],
    &["properties", "property", "prop", "props"],
    &["partners", "partner", "ptnrs", "prtnrs", "ptnr"],
    &["partnership", "pship", "ptnrship", "lp"],
    &["products", "product", "prod", "prods", "productions"],
    &["power", "pwr"],
    &["security", "sec"],
    &["valley", "vly", "val"],
    &["municipal", "mun", "muni"],
    &["general", "gen", "genl"],
    &["computer", "computers", "comp", "computing", "cptr"],
    &["internet", "inet", "inter", "int"],
    &["first", "1st"],
    &["second", "2nd"],
    &["one", "1", "i"],
    &["two", "2", "ii"],
    &["three", "3", "iii"],
    &["four", "4", "iv"],
    &["five", "5", "v"],
    &["six", "6", "vi"],
    &["seven", "7"],
    &["eight", "8"],
    &["nine", "9"],
    &["ten", "10", "x"],
    &["limited", "ltd", "ltda"],
    &["incorporated", "inc", "incorporation"],
    &["corporation", "corp"],
    &["company", "co", "cia"],
    &["private", "pvt", "pte", "pty"],
    &["global", "glbl", "glob"],
    &["connect", "conn", "connection", "connections", "connects"],
    &["mobile", "mob", "mobil"],
    &["exchange", "exch", "xchange"],
    &["interconnect", "ic"],
    &["operations", "ops", "operating", "oper"],
    &["resources", "resource", "res"],
    &["support", "supp", "spt"],
    &["carrier", "carr"],
    &["central", "cent", "ctrl", "centrl"],
    &["united", "utd", "unitd"],
    &["community", "commty", "comm", "cmty"],
    &["independent", "indep", "ind"],
    &["education", "educational", "edu", "educ"],
    &["equipment", "equip", "eqpt"],
    &["office", "ofc", "offices"],
    &["research", "rsch"],
    &["transport", "transportation", "trans", "transp"],
    &["television", "tv"],
    &["rural", "rur"],
    &["professional", "prof", "professionals", "pro", "pros"],
    &["integrated", "integ", "intg"],
    &["integration", "integ", "integrations"],
    &["investments", "invest", "inv", "investment"],
    &["agency", "agcy"],
    &["subsidiary", "subs"],
    &["media", "med"],
    &["metropolitan", "metro"],
    &["specialists", "spec", "specialist"],
    &["voice", "vc", "vce"],
];

/// The rows of [`SAME`] that a word stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Meanings([u8; 2]);

impl Meanings {
    /// The first of them; 0 for none.
    pub fn first(self) -> u8 {
        self.0[0]
    }

    /// Whether both have one in common.
    pub fn share(self, other: Self) -> bool {
        self.0.iter().any(|own| *own != 0 && other.0.contains(own))
    }
}

struct Known {
    meanings: HashMap<&'static str, Meanings>,
    forms: HashSet<&'static str>,
}

static KNOWN: LazyLock<Known> = LazyLock::new(|| {
    let mut meanings: HashMap<&str, Meanings> = HashMap::new();
    for (row, number) in SAME.iter().zip(1u8..) {
        for word in *row {
            let own = meanings.entry(word).or_default();
            match &mut own.0 {
                [first @ 0, _] => *first = number,
                [_, second] => *second = number,
            }
        }
    }
    Known { meanings, forms: FORMS.iter().copied().collect() }
});

/// What a word is short for, or long for.
pub fn meanings(word: &str) -> Meanings {
    KNOWN.meanings.get(word).copied().unwrap_or_default()
}

/// Whether a word says what a company is, not which.
pub fn is_form(word: &str) -> bool {
    KNOWN.forms.contains(word)
}

/// Whether a word stands in any name.
pub fn is_little(word: &str) -> bool {
    LITTLE.contains(&word)
}
