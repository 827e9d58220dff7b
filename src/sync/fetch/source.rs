//! Where a listing is published.

use std::fmt;
use std::path::PathBuf;

use reqwest::Url;

/// The FCC's CSV download of all current filings.
pub(crate) const FCC_CSV_URL: &str = "https://fccprod.servicenowservices.com/api/x_g_fmc_rmd/rmd/csv_download";

/// Where the listing is published.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// An `http` or `https` address.
    Url(Box<Url>),
    /// A file, read again at every sync.
    File(PathBuf),
}

impl Source {
    /// Reads a source as an operator writes it: an address, or else a path.
    ///
    /// # Errors
    ///
    /// If it is neither.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("the source is empty: give an http(s) address or the path of a CSV file".to_owned());
        }
        let Some((scheme, _)) = text.split_once("://") else {
            return Ok(Self::File(PathBuf::from(text)));
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => Url::parse(text)
                .map(|url| Self::Url(Box::new(url)))
                .map_err(|error| format!("the source {text:?} is no address: {error}")),
            "file" => Url::parse(text)
                .ok()
                .and_then(|url| url.to_file_path().ok())
                .map(Self::File)
                .ok_or_else(|| format!("the source {text:?} names no local file: write the path alone")),
            other => Err(format!("the source {text:?} begins {other}://: give an http(s) address or a path")),
        }
    }
}

impl fmt::Display for Source {
    /// Shows where, with a password or user in the address hidden.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Url(url) => shown(url).fmt(f),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

/// An address with a password or user in it hidden.
pub(super) fn shown(url: &Url) -> Url {
    let mut shown = url.clone();
    if !url.username().is_empty() || url.password().is_some() {
        // Both only fail for addresses that cannot carry a user, and those do not come here.
        let _ = shown.set_username("***");
        let _ = shown.set_password(None);
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_or_a_path() {
        assert!(matches!(Source::read(FCC_CSV_URL), Ok(Source::Url(_))));
        assert_eq!(Source::read("lists/a.csv"), Ok(Source::File("lists/a.csv".into())));
        assert_eq!(Source::read("file:///srv/a.csv"), Ok(Source::File("/srv/a.csv".into())));
        assert!(Source::read("ftp://rmd.example/a.csv").is_err());
        assert!(Source::read("http://").is_err());
        assert!(Source::read("  ").is_err());
    }

    #[test]
    fn a_password_in_an_address_is_never_shown() {
        let source = Source::read("https://user:secret@rmd.example/a.csv").expect("an address");
        assert_eq!(source.to_string(), "https://***@rmd.example/a.csv");
        assert!(!format!("{source:?}").contains("secret"));
    }
}
