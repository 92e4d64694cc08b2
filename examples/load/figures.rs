//! What `/metrics` and the system say of a server.

use std::{fs, net::SocketAddr, time::Duration};

use anyhow::Context as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// `/metrics`, once.
#[derive(Debug)]
pub(crate) struct Figures(String);

impl Figures {
    pub(crate) async fn get(http: SocketAddr) -> anyhow::Result<Self> {
        let mut socket = TcpStream::connect(http).await?;
        socket
            .write_all(b"GET /metrics HTTP/1.1\r\nHost: load\r\nConnection: close\r\n\r\n")
            .await?;
        let mut text = String::new();
        socket.read_to_string(&mut text).await?;
        Ok(Self(text))
    }

    /// The one figure of the hashing engine that has that name.
    pub(crate) fn password(&self, name: &str) -> anyhow::Result<f64> {
        let start = format!("countersign_password_{name} ");
        let figure = self.0.lines().find_map(|line| line.strip_prefix(&start));
        Ok(figure.with_context(|| format!("{name} is not on /metrics"))?.parse()?)
    }
}

/// The memory that a process holds, in bytes.
pub(crate) fn resident(process: u32) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024.0)
}

/// The processor time that this process has used.
pub(crate) fn own_processor_time() -> anyhow::Result<Duration> {
    Ok(Duration::from_secs_f64(processor_time(std::process::id())?))
}

/// Seconds of processor that a process has used, to a hundredth.
pub(crate) fn processor_time(process: u32) -> anyhow::Result<f64> {
    // proc_pid_stat(5): utime and stime, in ticks of a hundredth of a second.
    Ok((stat(process, 14)? + stat(process, 15)?) / 100.0)
}

/// The same of a process and its children together, those that have ended included.
pub(crate) fn family_time(process: u32) -> anyhow::Result<f64> {
    let mut all = processor_time(process)? + (stat(process, 16)? + stat(process, 17)?) / 100.0;
    for entry in fs::read_dir("/proc")? {
        let Ok(child) = entry?.file_name().to_string_lossy().parse() else { continue };
        // One may have ended just now.
        if parent(child).is_ok_and(|parent| parent == process) {
            all += processor_time(child).unwrap_or_default();
        }
    }
    Ok(all)
}

/// Its parent's id.
pub(crate) fn parent(process: u32) -> anyhow::Result<u32> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("PPid:")).context("no PPid")?;
    Ok(line.trim().parse()?)
}

/// A number of proc_pid_stat(5), by its place there.
fn stat(process: u32, place: usize) -> anyhow::Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name, the second, may have spaces; the third comes behind it.
    let (_, fields) = stat.rsplit_once(") ").context("no name")?;
    Ok(fields.split(' ').nth(place - 3).context("too short")?.parse()?)
}

/// How busy the machine is before anything begins: with other work on it, figures say as much of that as of the server.
pub(crate) fn machine() -> anyhow::Result<String> {
    let cores = std::thread::available_parallelism()?;
    let load = fs::read_to_string("/proc/loadavg")?;
    let load = load.split(' ').next().unwrap_or_default();
    Ok(format!("{cores} cores, on which {load} threads ran or waited in the minute before"))
}
