//! How this system gets out to the network: proxies and credentials.
//!
//! Of apt's configuration (apt.conf(5), apt-transport-http(1), apt_auth.conf(5)) what concerns the network is read from
//! its files, without apt; after it come the variables that every program knows. Left out: `Proxy-Auto-Detect`, which
//! runs a program.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use ureq::http::Uri;

/// What the network is reached by.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// apt's settings, by their names in lower case.
    apt: HashMap<String, String>,
    /// The variables of the environment that matter.
    variables: HashMap<String, String>,
    /// The text of apt's `auth.conf` files.
    credentials: String,
}

const VARIABLES: [&str; 8] =
    ["http_proxy", "https_proxy", "all_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"];

impl Settings {
    /// This system's settings, with apt's configuration under `etc` ("/etc/apt").
    pub(crate) fn of_system(etc: &Path) -> Settings {
        Settings::from(etc, |name| std::env::var(name).ok())
    }

    /// The settings under `etc` and those of the variables that `get` knows.
    pub(crate) fn from(etc: &Path, get: impl Fn(&str) -> Option<String>) -> Settings {
        let texts = |files: [Vec<PathBuf>; 2]| -> Vec<String> {
            files.iter().flatten().filter_map(|path| fs::read_to_string(path).ok()).collect()
        };
        let apt = texts([parts(&etc.join("apt.conf.d"), &["conf"]), vec![etc.join("apt.conf")]]);
        let credentials = texts([vec![etc.join("auth.conf")], parts(&etc.join("auth.conf.d"), &["conf"])]);
        let present =
            |name: &&str| get(name).filter(|value| !value.is_empty()).map(|value| ((*name).to_owned(), value));
        Settings {
            apt: apt.iter().flat_map(|text| configuration(text)).collect(),
            variables: VARIABLES.iter().filter_map(present).collect(),
            credentials: credentials.join("\n"),
        }
    }

    /// The address of the proxy for `uri`, if it has one.
    pub(crate) fn proxy(&self, uri: &Uri) -> Option<String> {
        let (scheme, host) = (uri.scheme_str()?, uri.host()?);
        let of_apt = |scheme: &str| {
            let name = format!("acquire::{scheme}::proxy");
            self.apt.get(&format!("{name}::{host}")).or_else(|| self.apt.get(&name)).filter(|value| !value.is_empty())
        };
        match of_apt(scheme).or_else(|| (scheme == "https").then(|| of_apt("http")).flatten()) {
            Some(value) if value.eq_ignore_ascii_case("direct") => None,
            Some(value) => Some(value.clone()),
            None if self.is_exempt(host) => None,
            None => self.variable(&format!("{scheme}_proxy")).or_else(|| self.variable("all_proxy")).map(str::to_owned),
        }
    }

    /// Whether `no_proxy` names the host: itself, a domain it is in, or all.
    fn is_exempt(&self, host: &str) -> bool {
        let list = self.variable("no_proxy").unwrap_or_default();
        list.split([',', ' ']).map(|entry| entry.trim().trim_start_matches("*.").trim_start_matches('.')).any(|entry| {
            let within = host.strip_suffix(entry).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
            entry == "*" || !entry.is_empty() && within
        })
    }

    fn variable(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name).or_else(|| self.variables.get(&name.to_ascii_uppercase()));
        value.map(String::as_str)
    }

    /// User and password for `uri` out of apt's `auth.conf`. An entry that names no protocol is for HTTPS alone.
    pub(crate) fn credentials(&self, uri: &Uri) -> Option<(String, String)> {
        let mut words = self.credentials.lines().filter(|line| !line.trim_start().starts_with('#'));
        let words: Vec<&str> = words.by_ref().flat_map(str::split_whitespace).collect();
        let entries = words.split(|word| *word == "machine").skip(1);
        entries.filter(|entry| entry.first().is_some_and(|machine| is_for(machine, uri))).find_map(|entry| {
            let after =
                |name: &str| entry.iter().skip_while(|word| **word != name).nth(1).map(|word| (*word).to_owned());
            Some((after("login")?, after("password")?))
        })
    }
}

/// Whether a `machine` of `auth.conf` is the one of `uri`.
fn is_for(machine: &str, uri: &Uri) -> bool {
    let (scheme, place) = machine.split_once("://").unwrap_or(("https", machine));
    let (host, path) = place.split_once('/').map_or((place, ""), |(host, path)| (host, path));
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let authority = authority.rsplit('@').next().unwrap_or(authority);
    let same_host = host == authority || Some(host) == uri.host();
    uri.scheme_str() == Some(scheme) && same_host && uri.path().trim_start_matches('/').starts_with(path)
}

/// The files in a directory that have no extension, or one of `extensions`, by name.
fn parts(directory: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let listing = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let wanted = |path: &PathBuf| match path.extension() {
        Some(extension) => extensions.iter().any(|wanted| extension == *wanted),
        None => true,
    };
    let mut files: Vec<PathBuf> = listing.filter(|path| path.is_file() && wanted(path)).collect();
    files.sort();
    files
}

/// The settings in the text of an `apt.conf`, by their whole names in lower case (apt.conf(5), "SYNTAX").
fn configuration(text: &str) -> HashMap<String, String> {
    let mut settings = HashMap::new();
    let mut scopes: Vec<String> = Vec::new();
    let mut name = String::new();
    for token in tokens(text) {
        match token {
            Token::Open => scopes.push(std::mem::take(&mut name)),
            Token::Close => drop(scopes.pop()),
            Token::End => name.clear(),
            Token::Word(word) => name = word.to_ascii_lowercase(),
            Token::Value(value) => {
                let whole: Vec<&str> = scopes.iter().map(String::as_str).chain([name.as_str()]).collect();
                settings.insert(whole.join("::"), value);
            }
        }
    }
    settings
}

enum Token {
    Open,
    Close,
    End,
    Word(String),
    Value(String),
}

fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, len) = match first {
            '{' => (Some(Token::Open), 1),
            '}' => (Some(Token::Close), 1),
            ';' => (Some(Token::End), 1),
            '"' => {
                let end = rest[1..].find('"').unwrap_or(rest.len() - 1);
                (Some(Token::Value(rest[1..=end].to_owned())), (end + 2).min(rest.len()))
            }
            '#' => (None, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("//") => (None, rest.find('\n').unwrap_or(rest.len())),
            '/' if rest.starts_with("/*") => (None, rest.find("*/").map_or(rest.len(), |end| end + 2)),
            _ => {
                let end = rest.find(|c: char| c.is_whitespace() || "{};\"".contains(c)).unwrap_or(rest.len());
                (Some(Token::Word(rest[..end].to_owned())), end)
            }
        };
        tokens.extend(token);
        rest = rest[len..].trim_start();
    }
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Settings {
        let etc = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = etc.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let get = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        Settings::from(etc.path(), get)
    }

    fn proxy(settings: &Settings, uri: &str) -> Option<String> {
        settings.proxy(&uri.parse().unwrap())
    }

    #[test]
    fn both_ways_of_writing_a_setting_are_read() {
        let text = "/* long\n */ Acquire { http { Proxy \"http://p.example:3128\"; # x\n }; };\n// y\n\
                    Acquire::http::Proxy::local.example \"DIRECT\";\nDpkg::Post-Invoke { \"rm { ; }\"; };\n";
        let settings = settings(&[("apt.conf.d/proxy", text)], &[]);
        assert_eq!(proxy(&settings, "http://deb.example/debian").as_deref(), Some("http://p.example:3128"));
        assert_eq!(proxy(&settings, "https://deb.example/debian").as_deref(), Some("http://p.example:3128"));
        assert_eq!(proxy(&settings, "http://local.example/debian"), None);
    }

    #[test]
    fn variables_come_after_apts_own_words() {
        let variables = [("http_proxy", "http://env.example:1"), ("no_proxy", "10.0.0.1, .corp.example")];
        let bare = settings(&[], &variables);
        assert_eq!(proxy(&bare, "http://deb.example/").as_deref(), Some("http://env.example:1"));
        assert_eq!(proxy(&bare, "https://deb.example/"), None);
        assert_eq!(proxy(&bare, "http://mirror.corp.example/"), None);
        let with_apt = settings(&[("apt.conf", "Acquire::http::Proxy \"http://apt.example\";")], &variables);
        assert_eq!(proxy(&with_apt, "http://deb.example/").as_deref(), Some("http://apt.example"));
    }

    #[test]
    fn unfinished_configuration_is_no_trouble() {
        for text in ["Acquire { \"", "};};}", "/*", "Acquire::http::Proxy \"http://x", "\"", "// "] {
            settings(&[("apt.conf", text)], &[]);
        }
    }

    #[test]
    fn credentials_go_to_their_machine_alone() {
        let text = "machine deb.example/debian login me password secret\n# machine x login y password z\n\
                    machine http://plain.example login you\n password word\n";
        let settings = settings(&[("auth.conf", text)], &[]);
        let of = |uri: &str| settings.credentials(&uri.parse().unwrap());
        assert_eq!(of("https://deb.example/debian/dists"), Some(("me".to_owned(), "secret".to_owned())));
        assert_eq!(of("http://deb.example/debian/dists"), None);
        assert_eq!(of("https://deb.example/other"), None);
        assert_eq!(of("http://plain.example/x"), Some(("you".to_owned(), "word".to_owned())));
        assert_eq!(of("https://x/"), None);
    }
}
