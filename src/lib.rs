//! Countersign: a gRPC authentication service.
//!
//! The layers, each of which may use only what is below it:
//!
//! | module | what it owns |
//! |---|---|
//! | [`app`] | the only wiring: bind, serve, shut down |
//! | [`grpc`], [`http`] | the transports: they translate and decide nothing |
//! | [`edge`] | what both transports share: access, deadlines, errors, the log of calls |
//! | [`service`] | the use cases in parts, one file each |
//! | [`store`], [`password`], [`passkey`], [`token`], [`delivery`] | storage, password hashing, WebAuthn, tokens and keys, messages |
//! | [`gateway`] | RPCs for HTTP with JSON, Connect and gRPC-Web |
//! | [`fetch`] | key sets of others |
//! | [`domain`] | pure values and rules |
//! | [`dial`] | TCP connections to hosts with several addresses |
//! | [`trace`], [`otlp`] | traces of calls, and how their spans are exported |
//!
//! [`config`] alone reads the environment; [`telemetry`] is where logs and figures come from, through [`log_filter`];
//! [`listen`] accepts connections for both transports. `tests/layering/` fails where a module reaches for what it may not use.

#![forbid(unsafe_code)]

pub mod app;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod dial;
pub mod domain;
pub mod edge;
pub mod fetch;
pub mod gateway;
pub mod grpc;
pub mod http;
pub mod listen;
pub mod log_filter;
pub mod otlp;
pub mod passkey;
pub mod password;
pub mod pb;
pub mod service;
pub mod store;
pub mod telemetry;
pub mod token;
pub mod trace;
