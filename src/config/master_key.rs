//! The source of the master key.

use std::{
    fs, io,
    io::{Read as _, Write as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{Profile, reader::Reader, settings};
use crate::{
    store::{self, private_file},
    token::MasterKey,
};

/// The source of the master key.
#[derive(Debug, Clone)]
pub enum MasterKeySource {
    /// The configuration. The mode of a file that it names is not checked: secrets that Kubernetes mounts are 0644, or
    /// readable by the group, and yet only the pod sees them.
    Given(Box<MasterKey>),
    /// A file beside the database, created at the first start: in development only.
    MadeAt(PathBuf),
}

impl MasterKeySource {
    /// Loads the key; creates it if necessary.
    ///
    /// # Errors
    /// The file can't be read or written, does not hold a key, or other users can read it.
    pub fn load(&self) -> io::Result<MasterKey> {
        match self {
            Self::Given(key) => Ok(MasterKey::clone(key)),
            Self::MadeAt(path) => {
                let named = |error: io::Error| {
                    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
                };
                let text = match fs::File::open(path) {
                    Ok(file) => read(path, file).map_err(named)?,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        make(path).map_err(named)?
                    }
                    Err(error) => return Err(named(error)),
                };
                MasterKey::parse(&text).map_err(|problem| named(io::Error::other(problem)))
            }
        }
    }

    /// Whether the key is there already: [`MasterKeySource::load`] makes none.
    pub fn is_there(&self) -> bool {
        match self {
            Self::Given(_) => true,
            Self::MadeAt(path) => path.exists(),
        }
    }

    /// The key, which also decrypts what `old` has sealed.
    ///
    /// # Errors
    /// Those of [`MasterKeySource::load`]; both are the same key.
    pub fn load_beside(&self, old: Option<&MasterKey>) -> io::Result<MasterKey> {
        let key = self.load()?;
        let Some(old) = old else { return Ok(key) };
        if key.is(old) {
            return Err(io::Error::other(format!("{} {THE_SAME}", settings::MASTER_KEY_OLD.name)));
        }
        Ok(key.reading(old))
    }
}

/// The problem of an old master key that is the current one.
const THE_SAME: &str = "is the same key as the current one: set the one before, or none";

/// Reads a file that no other user may read: with the key, an attacker can issue any user's tokens.
fn read(path: &Path, mut file: fs::File) -> io::Result<Zeroizing<String>> {
    private_file::check(path, &file.metadata()?)?;
    let mut text = Zeroizing::new(String::new());
    file.read_to_string(&mut text)?;
    Ok(text)
}

/// Creates the file for its owner only. If another process wins the race, its key is used.
fn make(path: &PathBuf) -> io::Result<Zeroizing<String>> {
    let text = MasterKey::generate_text();
    // Written aside and linked into place: no process ever reads half a key (atomic creation).
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
            self.require(settings::MASTER_KEY, problem);
        }
        let given = self.given(settings::MASTER_KEY, |text| {
            MasterKey::parse(text)
                .map(|key| MasterKeySource::Given(Box::new(key)))
                .map_err(str::to_owned)
        });
        given.unwrap_or(beside_database)
    }

    pub(super) fn old_master_key(&mut self) -> Option<MasterKey> {
        let current = self.settings.get(settings::MASTER_KEY);
        let current = current.and_then(|text| MasterKey::parse(text).ok());
        self.given(settings::MASTER_KEY_OLD, |text| {
            let old = MasterKey::parse(text)?;
            if current.is_some_and(|current| current.is(&old)) {
                return Err(THE_SAME.to_owned());
            }
            Ok(old)
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
        assert!(source.load().unwrap().is(&source.load().unwrap()));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn an_old_key_beside_it_is_read_and_must_be_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let source = MasterKeySource::MadeAt(folder.path().join("master.key"));
        let key = source.load().unwrap();
        let old = MasterKey::parse(&MasterKey::generate_text()).unwrap();
        assert!(source.load_beside(Some(&old)).unwrap().reads_old());
        assert!(!source.load_beside(None).unwrap().reads_old());
        let error = source.load_beside(Some(&key)).unwrap_err();
        assert!(error.to_string().contains("COUNTERSIGN_MASTER_KEY_OLD is the same"), "{error}");
    }

    #[test]
    fn a_file_that_others_can_read_or_write_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let source = MasterKeySource::MadeAt(path.clone());
        source.load().unwrap();
        for mode in [0o640, 0o620, 0o604, 0o602, 0o644] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let text = source.load().unwrap_err().to_string();
            let advice = format!("chmod 600 {}", path.display());
            assert!(text.contains(&advice) && text.contains(&format!("{mode:04o}")), "{text}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
        source.load().unwrap();
    }

    #[test]
    fn a_file_that_holds_no_key_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        fs::write(&path, "short").unwrap();
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        let error = MasterKeySource::MadeAt(path).load().unwrap_err();
        assert!(error.to_string().contains("master.key"), "{error}");
        assert!(!error.to_string().contains("short"), "{error}");
    }
}
