//! What Prometheus gets from `/metrics`: the text format, read as Prometheus reads it.

mod documented;
mod figures;
mod rpcs;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use crate::{
    harness::{Server, eventually},
    http::get,
};

/// All that one scrape has.
#[derive(Debug, Default)]
struct Scrape {
    /// The type of each family.
    kinds: BTreeMap<String, String>,
    samples: Vec<Sample>,
}

#[derive(Debug)]
struct Sample {
    family: String,
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Scrape {
    async fn of(server: &Server) -> Self {
        Self::at(server.http).await
    }

    async fn at(address: SocketAddr) -> Self {
        let (head, body) = get(address, "/metrics").await;
        assert!(head.starts_with("http/1.1 200"), "{head}");
        Self::parse(&body)
    }

    fn parse(text: &str) -> Self {
        let (mut scrape, mut family) = (Self::default(), String::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').unwrap();
                name.clone_into(&mut family);
                let before = scrape.kinds.insert(name.to_owned(), kind.to_owned());
                assert!(before.is_none(), "{name} is there twice");
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, labels) = series.split_once('{').unwrap_or((series, ""));
                scrape.samples.push(Sample {
                    family: family.clone(),
                    name: name.to_owned(),
                    labels: labels_in(labels),
                    value: value.parse().unwrap(),
                });
            }
        }
        scrape
    }

    /// The value of the one series of that name with these labels, whatever others it has.
    fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &&Sample| {
            let mut labels = labels.iter();
            let is = |(label, value): &(&str, &str)| {
                sample.labels.get(*label).is_some_and(|found| found == value)
            };
            sample.name == name && labels.all(is)
        };
        let mut found = self.samples.iter().filter(has);
        let value = found.next()?.value;
        assert!(found.next().is_none(), "{name} with {labels:?} is several series");
        Some(value)
    }

    /// The names of the labels that the samples of a family have, but for those of its type.
    fn labels(&self, family: &str) -> BTreeSet<&str> {
        let samples = self.samples.iter().filter(|sample| sample.family == family);
        let names = samples.flat_map(|sample| sample.labels.keys());
        names.map(String::as_str).filter(|name| *name != "le").collect()
    }
}

/// The labels of a sample, whose values have no quotes.
fn labels_in(text: &str) -> BTreeMap<String, String> {
    let text = text.trim_end_matches('}');
    let label = |label: &str| {
        let (name, value) = label.split_once("=\"").unwrap();
        (name.to_owned(), value.trim_end_matches('"').to_owned())
    };
    text.split_terminator("\",").map(label).collect()
}

/// Waits until a series has a value of which that holds.
async fn reaches(
    server: &Server,
    name: &str,
    labels: &[(&str, &str)],
    holds: impl Fn(f64) -> bool,
) {
    eventually(&format!("{name} {labels:?}"), async || {
        Scrape::of(server).await.value(name, labels).is_some_and(&holds)
    })
    .await;
}
