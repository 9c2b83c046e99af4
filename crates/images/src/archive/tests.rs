//! An archive on a server of the test's own, which lies in every way that is known of.

pub(crate) mod repository;
pub(crate) mod server;

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::progress::Notes;
use repository::{Repository, SUITE};
use server::{Reply, Request, Server};

/// Where what the tests fetch is on its way.
const DOWNLOADS: &str = "downloads/test";

/// Everything that a test needs: a repository, its server, a cache.
pub(crate) struct Place {
    directory: tempfile::TempDir,
    pub(crate) server: Server,
}

impl Place {
    /// Hands the archive on, whatever proxies this computer has.
    pub(crate) fn open<T>(&self, apt: &Apt, cache: &Cache, take: impl FnOnce(&Archive<'_>, &Lock) -> T) -> T {
        let lock = cache.lock("test", "packages", &()).unwrap();
        let archive = Archive::open_by(Settings::default(), apt, cache, &()).unwrap();
        take(&archive, &lock)
    }

    /// Serves `repository` by `reply`, which gets each request and what the repository has for it.
    fn new(repository: Repository, reply: impl Fn(&Request, Option<&[u8]>) -> Reply + Send + Sync + 'static) -> Place {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("keys.asc"), repository.keys()).unwrap();
        let files = repository.files();
        let server = Server::start(move |request| reply(request, files.get(&request.path).map(Vec::as_slice)));
        Place { directory, server }
    }

    pub(crate) fn honest(repository: Repository) -> Place {
        Place::new(repository, |request, file| file.map_or(Reply::missing(), |file| Reply::ranged(request, file)))
    }

    pub(crate) fn cache(&self) -> Cache {
        Cache::at(self.directory.path().join("cache"))
    }

    pub(crate) fn request(&self) -> Apt {
        Apt {
            suite: SUITE.to_owned(),
            mirror: Some(self.server.address()),
            keyring: Some(self.directory.path().join("keys.asc")),
            ..Apt::default()
        }
    }

    /// Fetches the package `name`, and says what its file holds.
    fn fetch(&self, request: &Apt, name: &str) -> Result<Vec<u8>> {
        self.fetch_by(Settings::default(), request, name, &())
    }

    fn fetch_by(&self, settings: Settings, request: &Apt, name: &str, progress: &dyn Progress) -> Result<Vec<u8>> {
        let cache = self.cache();
        let lock = cache.lock("test", "packages", progress)?;
        let archive = Archive::open_by(settings, request, &cache, progress)?;
        let index = archive.index(Architecture::Riscv64)?;
        let package = index.find(name).ok_or_else(|| archive.lacks(name, Architecture::Riscv64))?;
        let paths = archive.fetch("downloading", &[package], &lock)?;
        Ok(fs::read(&paths[0]).unwrap())
    }

    /// What the request for "big" fails with: one sentence, after which nothing half-made passes for whole.
    fn complaint(&self) -> String {
        let why = self.fetch(&self.request(), "big").unwrap_err().to_string();
        assert_eq!(why.lines().count(), 1, "{why}");
        for entry in fs::read_dir(self.cache().path(DOWNLOADS)).into_iter().flatten().flatten() {
            assert!(entry.path().extension().is_some_and(|extension| extension == "part"), "{entry:?}");
        }
        why
    }
}

/// What the repository has under "big".
fn big() -> Vec<u8> {
    (0..300_000u32).flat_map(|number| number.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

fn repository() -> Repository {
    Repository::new().package("small", b"a small package").package("big", &big())
}

#[test]
fn a_package_comes_by_signature_index_and_sum() {
    let place = Place::honest(repository());
    assert_eq!(place.fetch(&place.request(), "big").unwrap(), big());
    assert_eq!(place.fetch(&place.request(), "small").unwrap(), b"a small package");
}

#[test]
fn a_suite_signed_by_a_file_of_its_own_is_as_good() {
    let place = Place::honest(repository().detached());
    assert_eq!(place.fetch(&place.request(), "big").unwrap(), big());
}

#[test]
fn both_names_of_a_suite_find_it_and_no_other() {
    let place = Place::honest(repository().also_at("wrong"));
    let wrong = Apt { suite: "wrong".to_owned(), ..place.request() };
    let why = place.fetch(&wrong, "big").unwrap_err();
    assert!(why.to_string().contains("calls itself stable, codename, not wrong"), "{why}");
}

#[test]
fn debians_keys_do_not_sign_for_others() {
    let place = Place::honest(repository());
    let request = Apt { keyring: None, ..place.request() };
    let why = place.fetch(&request, "big").unwrap_err();
    assert!(matches!(&why, Error::Signature { detail, .. } if detail.contains("which is not trusted")), "{why}");
}

#[test]
fn a_changed_text_is_not_what_was_signed() {
    for repository in [repository(), repository().detached()] {
        let place = Place::new(repository, |request, file| match file {
            Some(file) if request.path.ends_with("Release") => Reply::whole(
                String::from_utf8(file.to_vec()).unwrap().replace("Origin: Test", "Origin: Evil").as_bytes(),
            ),
            file => file.map_or(Reply::missing(), Reply::whole),
        });
        let why = place.complaint();
        assert!(why.contains("does not match the file"), "{why}");
    }
}

#[test]
fn an_unsigned_suite_is_not_trusted() {
    let place = Place::honest(repository().unsigned());
    assert!(place.complaint().contains("it is not signed"));
}

#[test]
fn a_key_that_came_later_has_signed_nothing() {
    let place = Place::honest(repository().key_of_tomorrow());
    assert!(place.complaint().contains("when that key was not valid"));
}

#[test]
fn a_date_that_has_passed_is_told_once_and_refused_on_demand() {
    let place =
        Place::honest(repository().dated("Thu, 01 Jan 2015 00:00:00 UTC", Some("Thu, 08 Jan 2015 00:00:00 UTC")));
    let notes = Notes::default();
    assert_eq!(place.fetch_by(Settings::default(), &place.request(), "big", &notes).unwrap(), big());
    let notes = notes.0.take();
    assert!(notes.len() == 1 && notes[0].contains("Thu, 08 Jan 2015 00:00:00 UTC"), "{notes:?}");
    let strict = Apt { expired: Expired::Refuse, ..place.request() };
    let why = place.fetch(&strict, "big").unwrap_err();
    assert!(matches!(why, Error::Expired { .. }) && why.to_string().contains("--refuse-expired"), "{why}");
}

#[test]
fn a_date_to_come_asks_about_the_clock() {
    let place = Place::honest(repository().dated("Fri, 01 Jan 2100 00:00:00 UTC", None));
    let notes = Notes::default();
    assert_eq!(place.fetch_by(Settings::default(), &place.request(), "big", &notes).unwrap(), big());
    assert!(notes.0.take()[0].contains("this machine's clock says"));
    let strict = Apt { expired: Expired::Refuse, ..place.request() };
    assert!(matches!(place.fetch(&strict, "big"), Err(Error::Future { .. })));
}

#[test]
fn a_suite_without_the_architecture_is_named() {
    let place = Place::honest(repository().architecture("amd64"));
    assert!(place.complaint().contains("has nothing for riscv64"));
}

#[test]
fn a_missing_suite_and_a_missing_package_are_named() {
    let place = Place::honest(repository());
    for name in ["nosuch", "no such/../suite"] {
        let nowhere = Apt { suite: name.to_owned(), ..place.request() };
        assert!(matches!(place.fetch(&nowhere, "big"), Err(Error::NoSuite { .. })));
    }
    let why = place.fetch(&place.request(), "nothing").unwrap_err();
    assert_eq!(why.to_string(), "suite stable has no package nothing for riscv64: choose another --suite");
}

#[test]
fn a_wrong_sum_is_never_taken() {
    for name in ["Packages.xz", ".deb"] {
        let place = Place::new(repository(), move |request, file| match file {
            Some(file) if request.path.contains(name) || name == "Packages.xz" && request.path.contains("by-hash") => {
                let mut file = file.to_vec();
                file[5] ^= 1;
                Reply::whole(&file)
            }
            file => file.map_or(Reply::missing(), Reply::whole),
        });
        let why = place.complaint();
        assert!(why.contains("whose sum (SHA-256) is not the one in its index"), "{name}: {why}");
    }
}

#[test]
fn a_truncated_index_is_told_by_its_length() {
    let place = Place::new(repository(), |request, file| match file {
        Some(file) if request.path.contains("Packages") || request.path.contains("by-hash") => {
            Reply::whole(&file[..file.len() - 9])
        }
        file => file.map_or(Reply::missing(), Reply::whole),
    });
    assert!(place.complaint().contains("where its index says"));
}

#[test]
fn a_page_where_a_file_should_be_is_called_one() {
    let page = b"<html><title>Please log in</title></html>";
    let place = Place::new(repository(), |request, file| match file {
        Some(_) if request.path.ends_with(".deb") => Reply::whole(page).kind("text/html"),
        file => file.map_or(Reply::missing(), Reply::whole),
    });
    assert!(place.complaint().contains("gave text/html of 41 bytes, where its index says 1200000"));
    let nameless = Place::new(repository(), |request, file| match file {
        Some(_) if request.path.ends_with(".deb") => Reply::whole(page).kind(""),
        file => file.map_or(Reply::missing(), Reply::whole),
    });
    assert!(nameless.complaint().contains("gave a file of 41 bytes"));
    let portal = Place::new(repository(), |_, _| Reply::whole(page).kind("text/html"));
    assert!(portal.complaint().contains("is no Release file (a log-in page of this network"));
}

#[test]
fn a_file_that_is_gone_is_named() {
    let place = Place::new(repository(), |request, file| match file {
        Some(file) if !request.path.ends_with(".deb") => Reply::whole(file),
        _ => Reply::missing(),
    });
    let why = place.complaint();
    assert!(why.contains("pool/big.deb is not there, though the archive's index has it"), "{why}");
}

#[test]
fn a_server_without_sums_as_names_is_asked_by_names() {
    let place = Place::new(repository(), |request, file| match file {
        Some(file) if !request.path.contains("by-hash") => Reply::whole(file),
        _ => Reply::missing(),
    });
    assert_eq!(place.fetch(&place.request(), "big").unwrap(), big());
}

#[test]
fn redirects_are_followed_but_not_in_a_circle() {
    let place = Place::new(repository(), |request, file| match file {
        Some(file) if request.path.starts_with("/pool") => Reply::ranged(request, file),
        Some(file) if request.query.is_some() => Reply::whole(file),
        Some(_) => Reply::redirect(&format!("{}?again", request.path)),
        None => Reply::missing(),
    });
    assert_eq!(place.fetch(&place.request(), "big").unwrap(), big());
    let circle = Place::new(repository(), |request, _| Reply::redirect(&request.path));
    let why = circle.complaint();
    assert!(why.contains("more than 8 redirects, the last to http://127.0.0.1:"), "{why}");
}

#[test]
fn a_connection_that_breaks_is_taken_up_where_it_broke() {
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let place = Place::new(repository(), move |request, file| match file {
        Some(file) if request.path.ends_with(".deb") => {
            count.fetch_add(1, Ordering::Relaxed);
            // A third of it at a time.
            Reply::ranged(request, file).cut(450_000)
        }
        file => file.map_or(Reply::missing(), Reply::whole),
    });
    assert_eq!(place.fetch(&place.request(), "big").unwrap(), big());
    assert_eq!(asked.load(Ordering::Relaxed), 3);
}

#[test]
fn a_connection_that_breaks_again_and_again_gets_there() {
    let place = Place::new(repository(), |request, file| match file {
        Some(file) if request.path.ends_with(".deb") => Reply::ranged(request, file).cut(100_000),
        file => file.map_or(Reply::missing(), Reply::whole),
    });
    assert_eq!(place.fetch(&place.request(), "big").unwrap(), big());
    assert_eq!(place.server.asked(".deb").len(), 12);
}

#[test]
fn what_an_earlier_run_left_needs_no_room() {
    let place = Place::honest(repository());
    let (cache, request) = (place.cache(), place.request());
    let archive = Archive::open_by(Settings::default(), &request, &cache, &()).unwrap();
    let lock = cache.lock("test", "packages", &()).unwrap();
    let index = archive.index(Architecture::Riscv64).unwrap();
    let package = Package { installed_bytes: u64::MAX / 2, ..index.find("big").unwrap() };
    let why = archive.check_room(std::slice::from_ref(&package), 0, &lock).unwrap_err();
    let Error::Room { needed_bytes: before, .. } = why else { panic!("{why}") };
    let part = cache.path(DOWNLOADS).join(&package.sum.sha256).with_extension("part");
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    fs::write(&part, vec![0; 1_000_000]).unwrap();
    let why = archive.check_room(std::slice::from_ref(&package), 0, &lock).unwrap_err();
    assert!(matches!(why, Error::Room { needed_bytes, .. } if needed_bytes == before - 1_000_000), "{why}");
    let why = archive.check_room(&[package], 500_000, &lock).unwrap_err();
    assert!(matches!(why, Error::Room { needed_bytes, .. } if needed_bytes == before - 500_000), "what is kept: {why}");
}

#[test]
fn what_one_run_left_is_where_the_next_begins() {
    let place = Place::new(repository(), |request, file| match file {
        // Nothing but the beginning, ever.
        Some(_) if request.path.ends_with(".deb") && request.from > 0 => Reply::broken(),
        Some(file) if request.path.ends_with(".deb") => Reply::ranged(request, file).cut(700_000),
        file => file.map_or(Reply::missing(), Reply::whole),
    });
    let why = place.complaint();
    assert!(why.contains("goes on where it stopped") && why.starts_with("http://127.0.0.1:"), "{why}");
    let honest = Place { server: Place::honest(repository()).server, directory: place.directory };
    assert_eq!(honest.fetch(&honest.request(), "big").unwrap(), big());
    let ranges: Vec<u64> = honest.server.asked(".deb").iter().map(|request| request.from).collect();
    assert!(ranges.len() == 1 && ranges[0] > 0, "{ranges:?}");
}

#[test]
fn a_server_without_ranges_starts_over() {
    let place = Place::new(repository(), |request, file| match file {
        Some(file) if request.path.ends_with(".deb") && request.from == 0 => Reply::whole(file).cut(1000),
        file => file.map_or(Reply::missing(), Reply::whole),
    });
    assert_eq!(place.fetch(&place.request(), "big").unwrap(), big());
}

#[test]
fn what_was_left_of_another_file_is_thrown_away() {
    let place = Place::honest(repository());
    let sum = crate::hash::hex_sha256(&[&big()]);
    let part = place.cache().path(DOWNLOADS).join(sum).with_extension("part");
    fs::create_dir_all(part.parent().unwrap()).unwrap();
    fs::write(&part, vec![7; 1000]).unwrap();
    assert_eq!(place.fetch(&place.request(), "big").unwrap(), big());
}

#[test]
fn a_proxy_is_asked_for_whole_addresses() {
    let place = Place::honest(repository());
    let proxy = {
        let repository = repository().files();
        Server::start(move |request| match request.path.strip_prefix("http://archive.invalid") {
            Some(path) => repository.get(path).map_or(Reply::missing(), |file| Reply::ranged(request, file)),
            None => Reply::missing(),
        })
    };
    let settings = proxied(&proxy.address());
    let request = Apt { mirror: Some("http://archive.invalid".to_owned()), ..place.request() };
    assert_eq!(place.fetch_by(settings, &request, "big", &()).unwrap(), big());
}

#[test]
fn a_proxy_that_refuses_is_named() {
    let place = Place::honest(repository());
    let refuses = Server::start(|_| Reply::status("403 Forbidden"));
    let request = Apt { mirror: Some("http://archive.invalid".to_owned()), ..place.request() };
    let why = place.fetch_by(proxied(&refuses.address()), &request, "big", &()).unwrap_err().to_string();
    assert!(why.contains(&format!("through the proxy {}/ answered 403", refuses.address())), "{why}");
    let proxy = Server::start(|_| Reply::status("407 Proxy Authentication Required"));
    let request = Apt { mirror: Some("http://archive.invalid".to_owned()), ..place.request() };
    let why = place.fetch_by(proxied(&proxy.address()), &request, "big", &()).unwrap_err().to_string();
    assert!(why.contains("407") && why.contains("the proxy wants a password"), "{why}");
    let request = Apt { mirror: Some("https://archive.invalid".to_owned()), ..place.request() };
    let why = place.fetch_by(proxied(&proxy.address()), &request, "big", &()).unwrap_err().to_string();
    assert!(why.contains("through the proxy") && why.contains("refuses"), "{why}");
    let nobody = proxied("http://127.0.0.1:1");
    let request = Apt { mirror: Some("http://archive.invalid".to_owned()), ..place.request() };
    let why = place.fetch_by(nobody, &request, "big", &()).unwrap_err().to_string();
    assert!(why.contains("through the proxy http://127.0.0.1:1"), "{why}");
}

fn proxied(address: &str) -> Settings {
    Settings::from(Path::new("/nowhere"), |name| (name == "all_proxy").then(|| address.to_owned()))
}

#[test]
fn who_gives_no_answer_is_named() {
    let place = Place::honest(repository());
    let request = Apt { mirror: Some("http://127.0.0.1:1/debian".to_owned()), ..place.request() };
    let why = place.fetch(&request, "big").unwrap_err().to_string();
    assert!(why.starts_with("http://127.0.0.1:1/debian/dists/stable/InRelease: "), "{why}");
    let request = Apt { mirror: Some("file:///srv/debian".to_owned()), ..place.request() };
    let why = place.fetch(&request, "big").unwrap_err().to_string();
    assert!(why.contains("is no address that starts with http:// or https://"), "{why}");
}

#[test]
fn who_knows_no_tls_is_named() {
    let place = Place::honest(repository());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = std::io::Read::read(&mut stream, &mut [0; 4096]);
            let _ = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let request = Apt { mirror: Some(address.clone()), ..place.request() };
    let why = place.fetch(&request, "big").unwrap_err().to_string();
    let told = why.starts_with(&format!("{address}/dists/stable/InRelease does not answer as https does"));
    // Where there is nothing to check certificates with, that is said first.
    assert!(told || why.contains("over TLS"), "{why}");
}

#[test]
fn a_file_without_keys_is_named() {
    let place = Place::honest(repository());
    fs::write(place.directory.path().join("keys.asc"), "KBX").unwrap();
    assert!(place.complaint().contains("keys.asc has no OpenPGP public keys"));
}

#[test]
fn a_signature_that_is_something_else_is_explained_in_one_line() {
    let signature = "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n=AAAA\n-----END PGP SIGNATURE-----\n";
    let why = Keys::debian().clear_text(signature).unwrap_err();
    assert!(why.starts_with("it is broken: ") && !why.contains(['\n', '\t']), "{why:?}");
}

#[test]
fn debians_own_keys_are_whole() {
    // Two certificates that sign automatically, and one for a release, for each of two versions of Debian.
    assert_eq!(Keys::debian().len(), 6);
}
