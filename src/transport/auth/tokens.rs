//! The tokens that a file names. They are kept as digests only, and compared in constant time.

use std::path::{Path, PathBuf};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{AccessError, Right};
use crate::domain::Sha256Digest;
use crate::transport::secret_file;

/// The name under which systemd hands the file over (`LoadCredential=rmdd-tokens:/etc/rmdd/tokens.toml`).
pub(crate) const CREDENTIAL: &str = "rmdd-tokens";

/// A token shorter than this could be guessed.
const LEAST_CHARACTERS: usize = 20;

/// A token, without the token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub name: String,
    pub right: Right,
    digest: [u8; 32],
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    right: Right,
    token: Option<String>,
    sha256: Option<String>,
}

/// Where the tokens stand: in the file that the settings name, else in the credential that systemd hands over, if any.
pub fn place(named: Option<&Path>) -> Option<PathBuf> {
    if let Some(path) = named {
        return Some(path.to_owned());
    }
    let directory = std::env::var_os("CREDENTIALS_DIRECTORY").filter(|directory| !directory.is_empty())?;
    // One that may not be looked at is not as if there were none: reading it says why.
    Some(Path::new(&directory).join(CREDENTIAL)).filter(|path| path.try_exists().unwrap_or(true))
}

/// Reads a file of tokens.
///
/// # Errors
///
/// If it cannot be read, everybody may read it, or an entry makes no sense. No error shows a token.
pub fn read(path: &Path) -> Result<Vec<Token>, AccessError> {
    let bytes = secret_file::read(path).map_err(AccessError::Tokens)?;
    let wrong = |detail: String| AccessError::TokensContent { path: path.to_owned(), detail };
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("it is no text".to_owned()))?;
    // The reader's own words would show the line, and a token with it.
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        wrong(format!("line {line}: {}", error.message()))
    })?;
    let mut tokens: Vec<Token> = Vec::with_capacity(file.token.len());
    for entry in file.token {
        let name = entry.name.trim().to_owned();
        if name.is_empty() || name.contains(char::is_control) {
            return Err(wrong("a token has no name: it is what the log calls whoever uses it".to_owned()));
        }
        let digest = match (entry.token, entry.sha256) {
            (Some(token), None) => {
                if token.len() < LEAST_CHARACTERS || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                    return Err(wrong(format!(
                        "the token of {name:?} is no good: take {LEAST_CHARACTERS} or more printable characters without \
                         blanks, such as `openssl rand -hex 32` prints"
                    )));
                }
                Sha256::digest(token.as_bytes()).into()
            }
            (None, Some(sha256)) => sha256.trim().parse::<Sha256Digest>().map(|digest| digest.0).map_err(|_| {
                wrong(format!(
                    "the sha256 of {name:?} is none: 64 hexadecimal digits, as `printf %s TOKEN | sha256sum` prints"
                ))
            })?,
            _ => return Err(wrong(format!("{name:?} needs either token or sha256"))),
        };
        if let Some(other) = tokens.iter().find(|other| other.name == name || other.digest == digest) {
            let other = &other.name;
            return Err(wrong(format!(
                "{name:?} and {other:?} are the same: each needs a name and a token of its own"
            )));
        }
        tokens.push(Token { name, right: entry.right, digest });
    }
    Ok(tokens)
}

/// The token that an `authorization` header holds, if it is a known one: alone (`Bearer`), or with its name, as browsers ask
/// for it (`Basic`). Every known one is compared, whichever it is, so that the time tells nothing.
pub fn find<'a>(tokens: &'a [Token], header: &[u8]) -> Option<&'a Token> {
    if let Some(token) = behind(header, b"Bearer ") {
        return by_digest(tokens, token);
    }
    let pair = BASE64_STANDARD.decode(behind(header, b"Basic ")?).ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    let (name, token) = pair.split_at(colon);
    by_digest(tokens, token.get(1..)?).filter(|found| found.name.as_bytes() == name)
}

/// What stands behind a scheme.
fn behind<'a>(header: &'a [u8], scheme: &[u8]) -> Option<&'a [u8]> {
    let (begins, rest) = header.split_at_checked(scheme.len())?;
    begins.eq_ignore_ascii_case(scheme).then(|| rest.trim_ascii())
}

fn by_digest<'a>(tokens: &'a [Token], token: &[u8]) -> Option<&'a Token> {
    let digest: [u8; 32] = Sha256::digest(token).into();
    let mut found = None;
    for token in tokens {
        if bool::from(token.digest.ct_eq(&digest)) {
            found = Some(token);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const TOKEN: &str = "0123456789abcdef0123456789abcdef";

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), text).expect("written");
        file
    }

    #[test]
    fn tokens_are_found_by_themselves_and_by_their_digests_alone() {
        let digest = hex::encode(Sha256::digest(b"another-token-of-length"));
        let file = file(&format!(
            "[[token]]\nname = \"switch\"\nright = \"query\"\ntoken = \"{TOKEN}\"\n\
             [[token]]\nname = \"noc\"\nright = \"admin\"\nsha256 = \"{digest}\"\n"
        ));
        let tokens = read(file.path()).expect("good");
        let found = |header: &str| find(&tokens, header.as_bytes()).map(|token| (token.name.as_str(), token.right));
        assert_eq!(found(&format!("Bearer {TOKEN}")), Some(("switch", Right::Query)));
        assert_eq!(found(&format!("bearer  {TOKEN}")), Some(("switch", Right::Query)));
        assert_eq!(found("Bearer another-token-of-length"), Some(("noc", Right::Admin)));
        for none in ["", "Bearer", "Bearer ", TOKEN, &format!("Basic {TOKEN}"), &format!("Bearer {digest}")] {
            assert_eq!(found(none), None, "{none}");
        }
        assert!(!format!("{tokens:?}").contains(TOKEN));

        // A browser shows a token with its name.
        let basic = |pair: &str| found(&format!("Basic {}", BASE64_STANDARD.encode(pair)));
        assert_eq!(basic(&format!("switch:{TOKEN}")), Some(("switch", Right::Query)));
        assert_eq!(basic("noc:another-token-of-length"), Some(("noc", Right::Admin)));
        for none in
            [format!("noc:{TOKEN}"), format!(":{TOKEN}"), TOKEN.to_owned(), String::new(), format!("switch:{TOKEN}:")]
        {
            assert_eq!(basic(&none), None, "{none}");
        }
    }

    #[test]
    fn entries_that_make_no_sense_are_refused_and_no_error_shows_a_token() {
        let entry = |name: &str, rest: &str| format!("[[token]]\nname = \"{name}\"\nright = \"query\"\n{rest}\n");
        let good = format!("token = \"{TOKEN}\"");
        for (text, said) in [
            (entry("a", "token = \"short-secret\""), "openssl rand"),
            (entry("a", ""), "either token or sha256"),
            (entry("a", &format!("{good}\nsha256 = \"{}\"", "0".repeat(64))), "either token or sha256"),
            (entry("a", "sha256 = \"abc\""), "64 hexadecimal"),
            (entry(" ", &good), "no name"),
            (entry("a", &good) + &entry("b", &good), "are the same"),
            (entry("a", &good).replace("query", "root"), "line 3"),
            (format!("[[token]]\nname = \"a\"\ntoken = \"{TOKEN}\"\nright = \"query\"\nrights = 1\n"), "line 5"),
            (format!("token = \"{TOKEN}"), "line 1"),
        ] {
            let file = file(&text);
            let error = read(file.path()).expect_err(said).to_string();
            assert!(error.contains(said), "{error}");
            assert!(!error.contains(TOKEN) && !error.contains("short-secret"), "{error}");
        }
    }

    #[test]
    fn a_file_that_everybody_may_read_is_refused() {
        let file = file("");
        std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o644)).expect("its mode set");
        let error = read(file.path()).expect_err("refused").to_string();
        assert!(error.contains("chmod o-rwx") && error.contains("0644"), "{error}");
    }
}
