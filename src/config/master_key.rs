//! Where the master key comes from.

use std::{fs, io, io::Write as _, path::PathBuf};

use zeroize::Zeroizing;

use super::{Profile, reader::Reader, settings as name};
use crate::{store, token::MasterKey};

/// Where the master key comes from.
#[derive(Debug, Clone)]
pub enum MasterKeySource {
    /// The configuration.
    Given(Box<MasterKey>),
    /// A file beside the database, made on first start: in development only.
    MadeAt(PathBuf),
}

impl MasterKeySource {
    /// The key; makes it if need be.
    ///
    /// # Errors
    /// The file can't be read or written, or does not hold a key.
    pub fn load(&self) -> io::Result<MasterKey> {
        match self {
            Self::Given(key) => Ok(MasterKey::clone(key)),
            Self::MadeAt(path) => {
                let named = |error: io::Error| {
                    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                };
                let text = match fs::read_to_string(path) {
                    Ok(text) => Zeroizing::new(text),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        make(path).map_err(named)?
                    }
                    Err(error) => return Err(named(error)),
                };
                MasterKey::parse(&text).map_err(|problem| named(io::Error::other(problem)))
            }
        }
    }
}

/// Makes the file for its owner alone. If another process was faster, its key is the one.
fn make(path: &PathBuf) -> io::Result<Zeroizing<String>> {
    let text = MasterKey::generate_text();
    // Written aside and linked into place, so that nobody ever reads half a key.
    let draft = path.with_extension(format!("{}.draft", uuid::Uuid::now_v7()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    writeln!(file, "{}", text.as_str())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::read_to_string(path).map(Zeroizing::new),
    }
}

impl Reader<'_> {
    pub(super) fn master_key(&mut self, profile: Profile, url: &str) -> MasterKeySource {
        let database = store::sqlite::file(url).unwrap_or_default();
        let beside_database = MasterKeySource::MadeAt(database.with_file_name("master.key"));
        if profile == Profile::Production {
            let problem = "(or COUNTERSIGN_MASTER_KEY_FILE) must be set with Postgres: 32 bytes in base64, as \
                           `openssl rand -base64 32` prints them";
            self.require(name::MASTER_KEY, problem);
        }
        self.read(name::MASTER_KEY, beside_database, |text| {
            MasterKey::parse(text)
                .map(|key| MasterKeySource::Given(Box::new(key)))
                .map_err(str::to_owned)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let source = MasterKeySource::MadeAt(path.clone());
        let sealed = source.load().unwrap().seal(b"id", b"secret").unwrap();
        assert!(source.load().unwrap().open(b"id", &sealed).is_ok());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_that_holds_no_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        fs::write(&path, "short").unwrap();
        let error = MasterKeySource::MadeAt(path).load().unwrap_err();
        assert!(error.to_string().contains("master.key"), "{error}");
        assert!(!error.to_string().contains("short"), "{error}");
    }
}
