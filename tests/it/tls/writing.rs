//! The ways in which files are changed.

use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::symlink,
    path::Path,
};

use super::{
    authority::{Authority, Pair},
    server::Folder,
};
use countersign::listen::tls::{ClientAuth, Files, MinVersion};

/// How files are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Truncated and written, in two pieces: `cp`, editors, Vault's agent.
    InPlace,
    /// Written beside and renamed over: certbot, cert-manager's CSI driver, spiffe-helper.
    Renamed,
    /// The folder behind a symbolic link is swapped: Kubernetes' secrets and projected volumes.
    Swapped,
}

impl Way {
    /// A folder whose files will be changed in this way.
    pub fn folder(self, pair: &Pair, clients: Option<(&Authority, ClientAuth)>) -> Folder {
        if self != Self::Swapped {
            return Folder::new(pair, clients);
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let client_authorities = clients.map(|_| path("ca.crt"));
        let client_auth = clients.map_or(ClientAuth::Off, |(_, auth)| auth);
        for name in ["tls.crt", "tls.key", "ca.crt"] {
            symlink(Path::new("..data").join(name), path(name)).unwrap();
        }
        let files = Files {
            certificate: path("tls.crt"),
            key: path("tls.key"),
            client_authorities,
            client_auth,
            min_version: MinVersion::Tls12,
        };
        let folder = Folder { folder, files };
        let authority = clients.map(|(authority, _)| authority.pem());
        self.write(&folder, pair, authority.as_deref());
        folder
    }

    /// Writes a pair, and authorities where there are some.
    pub fn write(self, folder: &Folder, pair: &Pair, authorities: Option<&str>) {
        // The certificate last: who sees it can tell that all of it is in force.
        let authorities = authorities.map(|authorities| ("ca.crt", authorities));
        let pair = [("tls.key", &*pair.key), ("tls.crt", &*pair.certificate)];
        let contents: Vec<_> = authorities.into_iter().chain(pair).collect();
        match self {
            Self::InPlace => {
                for (name, text) in contents {
                    let mut file = File::create(folder.folder.path().join(name)).unwrap();
                    let (first, second) = text.split_at(text.len() / 2);
                    file.write_all(first.as_bytes()).unwrap();
                    file.write_all(second.as_bytes()).unwrap();
                }
            }
            Self::Renamed => {
                for (name, text) in contents {
                    let path = folder.folder.path().join(name);
                    let beside = path.with_extension("new");
                    fs::write(&beside, text).unwrap();
                    fs::rename(beside, path).unwrap();
                }
            }
            Self::Swapped => swap(folder.folder.path(), &contents),
        }
    }
}

/// As the kubelet does (`AtomicWriter`).
fn swap(root: &Path, contents: &[(&str, &str)]) {
    let fresh = tempfile::Builder::new().prefix("..").tempdir_in(root).unwrap().keep();
    for (name, text) in contents {
        fs::write(fresh.join(name), text).unwrap();
    }
    let (data, before) = (root.join("..data"), fs::read_link(root.join("..data")));
    let beside = root.join("..data_tmp");
    symlink(fresh.file_name().unwrap(), &beside).unwrap();
    fs::rename(&beside, &data).unwrap();
    if let Ok(before) = before {
        fs::remove_dir_all(root.join(before)).unwrap();
    }
}
