use std::path::Path;

use super::*;

fn file(text: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), text).expect("written");
    file
}

fn environment(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn flags_override_the_environment_which_overrides_the_file() {
    let file = file(
        "source = \"/a.csv\"\nshutdown_grace = \"3s\"\n[vet]\nmax_loss_percent = 10.5\n[fetch]\ncontact = \"noc@a.example\"\n",
    );
    let variables = environment(&[
        ("RMDD_SOURCE", "/b.csv"),
        ("RMDD_VET__MAX_LOSS_PERCENT", "11"),
        ("RMDD_CONFIG", "/elsewhere"),
        ("PATH", "/bin"),
    ]);
    let flags = Overrides::from([("source", "/c.csv".to_owned())]);
    let loaded = load(Some(file.path()), variables, &flags).expect("usable");
    assert_eq!(loaded.config.source, "/c.csv");
    assert_eq!(loaded.config.vet.max_loss_percent, 11.0);
    assert_eq!(loaded.config.shutdown_grace, Duration::from_secs(3));
    assert_eq!(loaded.origin("source"), Origin::Flag);
    assert_eq!(loaded.origin("vet.max_loss_percent"), Origin::Environment);
    assert_eq!(loaded.origin("fetch.contact"), Origin::File);
    assert_eq!(loaded.origin("grpc.listen"), Origin::Default);
}

#[test]
fn an_unknown_key_in_the_file_is_an_error_that_names_it_and_its_line() {
    let file = file("source = \"/a.csv\"\n[fetch]\ntimeout = \"3s\"\n");
    let error = load(Some(file.path()), [], &Overrides::new()).expect_err("refused").to_string();
    assert!(error.contains("timeout") && error.contains("line 3"), "{error}");
}

#[test]
fn a_setting_by_its_old_name_is_an_error_that_has_the_new_one() {
    let file = file("[limits]\nquestions_per_second = 5\n");
    let error = load(Some(file.path()), [], &Overrides::new()).expect_err("refused").to_string();
    assert!(error.contains("limits.rate_limit"), "{error}");
    let variables = environment(&[("RMDD_LIMITS__QUESTIONS_PER_SECOND", "5")]);
    let error = load(None, variables, &Overrides::new()).expect_err("refused").to_string();
    assert!(error.contains("limits.rate_limit"), "{error}");
}

#[test]
fn an_unknown_variable_is_an_error_that_names_it() {
    let variables = environment(&[("RMDD_FETCH__TIMEOUT", "3s")]);
    let error = load(None, variables, &Overrides::new()).expect_err("refused").to_string();
    assert!(error.contains("timeout"), "{error}");
}

#[test]
fn a_value_of_the_wrong_kind_is_an_error_that_names_the_setting() {
    for (text, named) in [
        ("[grpc]\nlisten = \"localhost\"\n", "localhost"),
        ("[fetch]\nidle_timeout = \"soon\"\n", "idle_timeout"),
        ("[vet]\nmax_loss_percent = 200.0\n", "vet.max_loss_percent"),
        ("source = \"ftp://rmd.example\"\n", "ftp://"),
        ("[schedule]\ncron = \"hourly\"\n", "hourly"),
        ("[limits]\nbatch = 0\n", "limits.batch"),
        ("[limits]\nwatcher_patience = \"0s\"\n", "limits.watcher_patience"),
        ("[decision_log]\nlog = \"some\"\n", "some"),
        ("[decision_log]\nmax_bytes = 100\n", "decision_log.max_bytes"),
        ("[decision_log]\nqueue = 0\n", "decision_log.queue"),
        ("[log]\nlevel = \"rmdd=loud\"\n", "log.level"),
    ] {
        let file = file(text);
        let error = load(Some(file.path()), [], &Overrides::new()).expect_err(text).to_string();
        assert!(error.contains(named), "{error}");
    }
}

#[test]
fn a_named_file_that_is_not_there_is_an_error() {
    let error = load(Some(Path::new("/nonexistent/rmdd.toml")), [], &Overrides::new()).expect_err("refused");
    assert!(error.to_string().contains("/nonexistent/rmdd.toml"));
}

/// The settings that are set, as a configuration file.
fn shown(config: &Config) -> String {
    let settings = config.settings().into_iter().filter_map(|(name, value)| Some((name, value?)));
    settings.map(|(name, value)| format!("{name} = {value}\n")).collect()
}

#[test]
fn the_settings_shown_are_settings_that_can_be_read_back() {
    let config = Config { shutdown_grace: Duration::from_millis(1500), ..Config::default() };
    assert_eq!(toml::from_str::<Config>(&shown(&config)).expect("readable"), config);
}

#[test]
fn a_password_in_the_source_is_not_shown() {
    let config = Config { source: "https://u:secret@rmd.example/".to_owned(), ..Config::default() };
    assert!(!shown(&config).contains("secret"));
    let sources = vec!["/a.csv".to_owned(), "https://u:secret@rmd.example/".to_owned()];
    let config = Config { fallback_sources: sources, ..Config::default() };
    let shown = shown(&config);
    assert!(shown.contains("***@rmd.example") && !shown.contains("secret"), "{shown}");
}

#[test]
fn further_sources_come_from_any_layer_and_flags_override_them() {
    let file = file("source = \"/a.csv\"\nfallback_sources = [\"/b.csv\", \"/c.csv\"]\n");
    let of = |variables: &[(&str, &str)], flags: &Overrides| {
        load(Some(file.path()), environment(variables), flags).expect("usable").config.fallback_sources
    };
    assert_eq!(of(&[], &Overrides::new()), ["/b.csv", "/c.csv"]);
    let variable = [("RMDD_FALLBACK_SOURCES", "https://one.example/a,b /d.csv")];
    assert_eq!(of(&variable, &Overrides::new()), ["https://one.example/a,b", "/d.csv"]);
    let flags = Overrides::from([("fallback_sources", "/e f.csv\n/g.csv".to_owned())]);
    assert_eq!(of(&variable, &flags), ["/e f.csv", "/g.csv"]);
    let none = Overrides::from([("fallback_sources", String::new())]);
    assert!(of(&variable, &none).is_empty());
}

#[test]
fn settings_of_access_come_from_the_file_and_the_environment_and_can_be_shown() {
    let file = file(
        "[access]\nrequire = true\n[[access.certificates]]\nname = \"noc.example\"\nright = \"admin\"\n\
         [admin]\ngroups = [\"noc\"]\n",
    );
    let variables = environment(&[("RMDD_ADMIN__SOCKET__MODE", "0640"), ("RMDD_ADMIN__USERS", "ann 1000")]);
    let config = load(Some(file.path()), variables, &Overrides::new()).expect("usable").config;
    assert_eq!((config.admin.socket.mode.0, config.admin.groups.as_slice()), (0o640, &["noc".to_owned()][..]));
    assert_eq!(config.admin.users, ["ann", "1000"]);
    assert_eq!(config.access.certificates[0].name, "noc.example");
    assert_eq!(toml::from_str::<Config>(&shown(&config)).expect("readable"), config);
}

#[test]
fn sources_that_cannot_be_told_apart_are_refused() {
    let file = file("source = \"https://a:b@rmd.example/\"\nfallback_sources = [\"https://c:d@rmd.example/\"]\n");
    let error = load(Some(file.path()), [], &Overrides::new()).expect_err("refused").to_string();
    assert!(error.contains("twice") && !error.contains("c:d"), "{error}");
}

#[test]
fn the_example_shows_every_setting_with_its_default() {
    let example = include_str!("../../../examples/rmdd.toml");
    let uncommented: String = example
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if setting.starts_with(|c: char| c.is_ascii_lowercase()) => format!("{setting}\n"),
            _ => format!("{line}\n"),
        })
        .collect();
    let example: serde_json::Map<String, Value> = toml::from_str(&uncommented).expect("TOML");
    let mut names = BTreeMap::new();
    flatten(&mut names, "", example);
    let mut defaults = Config::default().settings();
    defaults.retain(|_, value| value.is_some());
    assert_eq!(names, defaults);
}

#[test]
fn of_several_directories_of_systemd_the_first_is_taken() {
    for (variable, expected) in [("/a:/b", Some("/a")), ("/a", Some("/a")), (":/b", Some("/b")), ("", None)] {
        assert_eq!(first_of(OsStr::new(variable)), expected.map(PathBuf::from), "{variable:?}");
    }
}

#[test]
fn a_fleet_comes_from_the_file_and_the_environment_and_can_be_shown_and_is_none_without_its_table() {
    assert_eq!(load(None, [], &Overrides::new()).expect("usable").config.fleet, None);
    let file = file("[fleet]\nname = \"east\"\nengine = [\"http://127.0.0.1:2379\"]\npoll = \"500ms\"\n");
    let variables = environment(&[
        ("RMDD_FLEET__SITE", "nyc1"),
        ("RMDD_FLEET__ENGINE", "http://127.0.0.1:2379 http://127.0.0.1:22379"),
        ("RMDD_FLEET__FETCHES", "false"),
    ]);
    let loaded = load(Some(file.path()), variables, &Overrides::new()).expect("usable");
    let fleet = loaded.config.fleet.clone().expect("a fleet");
    assert_eq!((fleet.name.as_str(), fleet.site.as_deref(), fleet.fetches), ("east", Some("nyc1"), false));
    assert_eq!(fleet.engine, ["http://127.0.0.1:2379", "http://127.0.0.1:22379"]);
    assert_eq!((fleet.poll, fleet.lease), (Duration::from_millis(500), Duration::from_secs(15)));
    assert_eq!(loaded.origin("fleet.engine"), Origin::Environment);
    assert_eq!(toml::from_str::<Config>(&shown(&loaded.config)).expect("readable"), loaded.config);
    let unnamed = load(None, environment(&[("RMDD_FLEET__SITE", "nyc1")]), &Overrides::new()).expect_err("refused");
    assert!(unnamed.to_string().contains("fleet.name is not set"), "{unnamed}");
}

#[test]
fn the_fleet_of_the_example_has_every_setting_with_its_default_or_one_of_its_kind() {
    let example = include_str!("../../../examples/rmdd.toml");
    let (_, table) = example.split_once("# [fleet]\n").expect("a fleet");
    let settings = table.lines().filter_map(|line| line.strip_prefix("# "));
    let is_setting = |line: &&str| line.contains(" = ") || line.starts_with('[');
    let text = settings.filter(is_setting).fold("[fleet]\n".to_owned(), |text, line| format!("{text}{line}\n"));
    let config: Config = toml::from_str(&text).expect("TOML");
    config.validate().expect("usable");
    let fleet = config.fleet.clone().expect("a fleet");
    let mut plain = crate::fleet::config::FleetConfig::default();
    plain.name.clone_from(&fleet.name);
    plain.engine.clone_from(&fleet.engine);
    plain.site.clone_from(&fleet.site);
    plain.tls.clone_from(&fleet.tls);
    assert_eq!(fleet, plain);
    assert!(config.settings().iter().all(|(name, value)| !name.starts_with("fleet") || value.is_some()));
}
