//! Lengths are looked at first, then how often the caller's address has called, and only then what a field says. All string
//! fields of all RPCs, from the descriptor set: a new one can't be forgotten.

use std::collections::BTreeSet;

use countersign::{
    domain::{
        TrustedProxies,
        size::{self, Size},
    },
    pb::{DESCRIPTORS, IntrospectTokenRequest, Tokens},
};
use prost::{
    Message,
    bytes::{Buf, BufMut},
    encoding::{DecodeContext, WireType, bytes, string},
};
use prost_types::{
    FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};
use rstest::rstest;
use tonic::{Request, Status, client::Grpc};
use tonic_prost::ProstCodec;

use crate::{
    admin::grant,
    harness::{Backend, Server, reason, server::bearer, soon, violations},
};

/// RPCs that count calls by address.
const COUNTED: [&str; 15] = [
    "Register",
    "Login",
    "Verify2FA",
    "ResendCode",
    "Reauthenticate",
    "FinishPasskeyLogin",
    "BeginEmailLogin",
    "FinishEmailLogin",
    "VerifyEmail",
    "ResendEmailVerification",
    "RequestPasswordReset",
    "ResetPassword",
    "UndoEmailChange",
    "UndoDeletion",
    "ChangeEmail",
];

/// A string field of an RPC's request.
#[derive(Debug, Clone)]
struct Field {
    rpc: String,
    path: String,
    name: String,
    number: u32,
    /// The number of the message that it is a field of, within the request.
    within: Option<u32>,
    in_oneof: bool,
}

/// What is sent: texts by the number of their field, and of the message around it if there is one.
#[derive(Debug, Default, Clone)]
struct Texts(Vec<(Option<u32>, u32, String)>);

/// A field's tag and length, and the text.
fn encoded(number: u32, text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    string::encode(number, &text.to_owned(), &mut bytes);
    bytes
}

impl Message for Texts {
    fn encode_raw(&self, buffer: &mut impl BufMut) {
        for (within, number, text) in &self.0 {
            match within {
                Some(message) => bytes::encode(*message, &encoded(*number, text), buffer),
                None => string::encode(*number, text, buffer),
            }
        }
    }

    fn encoded_len(&self) -> usize {
        let mut buffer = Vec::new();
        self.encode_raw(&mut buffer);
        buffer.len()
    }

    fn merge_field(
        &mut self,
        _number: u32,
        _wire_type: WireType,
        _buffer: &mut impl Buf,
        _context: DecodeContext,
    ) -> Result<(), prost::DecodeError> {
        unimplemented!("it is only sent")
    }

    fn clear(&mut self) {
        self.0.clear();
    }
}

fn fields() -> Vec<Field> {
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap().file;
    let ours: Vec<_> = files.iter().filter(|file| file.package() == "auth.v1").collect();
    let message = |name: &str| {
        let all = ours.iter().flat_map(|file| &file.message_type);
        all.into_iter().find(|message| format!(".auth.v1.{}", message.name()) == name).unwrap()
    };
    let mut fields = Vec::new();
    for service in ours.iter().flat_map(|file| &file.service) {
        for rpc in &service.method {
            let path = format!("/auth.v1.{}/{}", service.name(), rpc.name());
            let request = message(rpc.input_type());
            if service.name() == "AdminService" {
                fields.extend(of_administrators(rpc.name(), &path, &request.field));
                continue;
            }
            let mut all: Vec<_> = request.field.iter().map(|field| (None, field)).collect();
            for outer in request.field.iter().filter(|field| field.r#type() == Type::Message) {
                let number = u32::try_from(outer.number()).unwrap();
                let inner = &message(outer.type_name()).field;
                all.extend(inner.iter().map(|field| (Some(number), field)));
            }
            for (within, field) in all {
                let known = [Type::String, Type::Bool, Type::Int32, Type::Message];
                let known = known.contains(&field.r#type());
                let nested_twice = within.is_some() && field.r#type() == Type::Message;
                let name = field.name();
                assert!(known && !nested_twice, "{path}: say what the greatest {name} costs");
                // One that is not used any more is not even looked at.
                let deprecated = field.options.as_ref().is_some_and(|said| said.deprecated());
                if field.r#type() == Type::String && !deprecated {
                    fields.push(Field {
                        rpc: rpc.name().to_owned(),
                        path: path.clone(),
                        name: name.to_owned(),
                        number: u32::try_from(field.number()).unwrap(),
                        within,
                        in_oneof: field.oneof_index.is_some(),
                    });
                }
            }
        }
    }
    fields
}

/// Streams: what is too long there is tested in `transfer/` and `audit/`.
const OTHERS: [&str; 3] = ["ImportUsers", "ExportUsers", "WatchEvents"];

/// The texts of an administrator's request, and of a filter in it. The fields of the user in it are sent too long in `admin/`.
fn of_administrators(rpc: &str, path: &str, all: &[FieldDescriptorProto]) -> Vec<Field> {
    let is_one = |field: &&FieldDescriptorProto| {
        field.r#type() == Type::String && field.label() == Label::Optional
    };
    let own = all.iter().filter(is_one).map(|field| {
        let number = u32::try_from(field.number()).unwrap();
        (None, field.name().to_owned(), number, field.oneof_index.is_some())
    });
    let filter = [("role", 2), ("username_prefix", 8), ("email_prefix", 9)];
    let filter = filter.into_iter().filter(|_| rpc == "ListUsers");
    let filter = filter.map(|(name, number)| (Some(3), name.to_owned(), number, false));
    let asked = own.chain(filter).filter(|_| !OTHERS.contains(&rpc));
    let field = |(within, name, number, in_oneof)| {
        let (rpc, path) = (rpc.to_owned(), path.to_owned());
        Field { rpc, path, name, number, within, in_oneof }
    };
    asked.map(field).collect()
}

impl Field {
    fn size(&self) -> Size {
        size::ALL.into_iter().find(|size| size.field == self.name).unwrap()
    }

    /// What is said of a text that is too long; nothing if it is as good as none.
    fn too_long_is(&self) -> Option<&'static str> {
        match self.name.as_str() {
            "challenge_id" | "reset_id" | "verification_id" | "change_id" | "login_id" => {
                Some("CHALLENGE_INVALID")
            }
            "key" | "assertion" => Some("INVALID_CREDENTIALS"),
            "refresh_token" => Some("TOKEN_INVALID"),
            "token" | "device_token" => None,
            _ => Some("INVALID_FIELD"),
        }
    }

    /// So many bytes of marks, which cost most to sort, and what the request can't do without.
    fn message(&self, bytes: usize) -> Texts {
        let text = "\u{301}\u{327}".repeat(bytes / 4) + &"x".repeat(bytes % 4);
        let needed = match &*self.rpc {
            _ if self.in_oneof => None,
            "Verify2FA" => Some((None, 2, "123456".to_owned())),
            "IssueServiceToken" | "ExchangeToken" => Some((None, 1, "a key".to_owned())),
            _ => None,
        };
        Texts(needed.into_iter().chain([(self.within, self.number, text)]).collect())
    }
}

/// A server that counts calls, and somebody's tokens; the address 192.0.2.1 has no calls left.
async fn server(backend: Backend) -> (Server, Tokens) {
    let server = Server::start_with(backend, |config, _| {
        config.policy.address_rate = 1;
        config.policy.email_login = true;
        config.listen.trusted_proxies = TrustedProxies::parse("127.0.0.0/8").unwrap();
    })
    .await;
    server.clock.stop();
    let user = server.user(false).await;
    grant(&server.database, &user.username, "admin").await;
    let tokens = server.session(&user).await;
    for _ in 0..5 {
        let refused = call(&server, &tokens, "/auth.v1.AuthService/Login", Texts::default()).await;
        assert_eq!(reason(&refused.unwrap_err()), "INVALID_FIELD");
    }
    (server, tokens)
}

async fn call(server: &Server, tokens: &Tokens, path: &str, texts: Texts) -> Result<(), Status> {
    let mut request: Request<Texts> = bearer(tokens, texts);
    request.metadata_mut().insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
    let mut client = Grpc::new(server.channel.clone());
    client.ready().await.unwrap();
    let (path, codec) = (path.parse().unwrap(), ProstCodec::<_, ()>::default());
    let answer = client.server_streaming(request, path, codec).await?;
    soon("an answer", answer.into_inner().message()).await.map(|_| ())
}

#[test]
fn every_string_field_of_a_request_has_its_size() {
    let mut fields: BTreeSet<_> = fields().into_iter().map(|field| field.name).collect();
    // In messages of their own: `admin/` and `audit/` send them too long.
    fields.extend([size::PASSWORD_HASH, size::URL].map(|size| size.field.to_owned()));
    let sizes: BTreeSet<_> = size::ALL.iter().map(|size| size.field.to_owned()).collect();
    assert_eq!(fields, sizes);
}

#[rstest]
#[tokio::test]
async fn what_is_too_long_is_refused_before_calls_are_counted_or_anything_is_read(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (server, tokens) = server(backend).await;
    for field in fields() {
        let size = field.size();
        let answer = call(&server, &tokens, &field.path, field.message(size.max_bytes + 1)).await;
        match (answer, field.too_long_is()) {
            (Err(refused), Some("INVALID_FIELD")) => {
                assert_eq!(violations(&refused), [field.name.as_str()], "{field:?}");
                let problem = format!("at most {} bytes", size.max_bytes);
                assert!(refused.message().contains(&problem), "{field:?}: {refused:?}");
            }
            (Err(refused), Some(expected)) => assert_eq!(reason(&refused), expected, "{field:?}"),
            // It is as though there was none, and then it is the calls that are too many.
            (Err(refused), None) => assert_eq!(reason(&refused), "THROTTLED", "{field:?}"),
            (Ok(()), expected) => assert_eq!((expected, &*field.name), (None, "token")),
        }
    }
}

#[rstest]
#[tokio::test]
async fn what_is_not_too_long_is_not_read_before_calls_are_counted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (server, tokens) = server(backend).await;
    let counted = fields().into_iter().filter(|field| COUNTED.contains(&&*field.rpc));
    let mut rpcs = BTreeSet::new();
    for field in counted {
        let message = field.message(field.size().max_bytes);
        let refused = call(&server, &tokens, &field.path, message).await.unwrap_err();
        assert_eq!(reason(&refused), "THROTTLED", "{field:?}");
        rpcs.insert(field.rpc);
    }
    assert_eq!(rpcs.len(), COUNTED.len());
}

#[rstest]
#[tokio::test]
async fn all_fields_that_are_too_long_are_named_at_once_and_the_call_is_not_counted(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let (server, tokens) = server(backend).await;
    let fields = fields();
    let rpcs: BTreeSet<_> = fields.iter().map(|field| &field.path).collect();
    for path in rpcs {
        let named =
            |field: &&Field| field.path == *path && field.too_long_is() == Some("INVALID_FIELD");
        let mut named: Vec<_> = fields.iter().filter(named).collect();
        // Of a oneof the last one counts.
        let last = named.iter().rfind(|field| field.in_oneof).map(|field| field.number);
        named.retain(|field| !field.in_oneof || Some(field.number) == last);
        if named.is_empty() {
            continue;
        }
        let texts = named.iter().flat_map(|field| field.message(field.size().max_bytes + 1).0);
        let texts = Texts(texts.collect());
        for _ in 0..10 {
            let refused = call(&server, &tokens, path, texts.clone()).await.unwrap_err();
            // This also looks at how large the answer is: there is none with more in it.
            assert_eq!(reason(&refused), "INVALID_FIELD");
            let names: BTreeSet<_> = violations(&refused).into_iter().collect();
            assert_eq!(names, named.iter().map(|field| field.name.clone()).collect(), "{path}");
        }
    }
    server.clock.advance(std::time::Duration::from_secs(1));
    let login = "/auth.v1.AuthService/Login";
    let answer = call(&server, &tokens, login, Texts::default()).await.unwrap_err();
    assert_eq!(reason(&answer), "INVALID_FIELD", "one call a second is left");
    let answer = call(&server, &tokens, login, Texts::default()).await.unwrap_err();
    assert_eq!(reason(&answer), "THROTTLED");
}

/// Not even one of ours: nobody's roles make a token that long, so what is has no business here.
#[rstest]
#[tokio::test]
async fn an_access_token_that_is_too_long_is_not_valid(
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) {
    let server = Server::start(backend).await;
    let user = server.user(false).await;
    let active = async |tokens: &Tokens| {
        let request = IntrospectTokenRequest { token: tokens.access_token.clone() };
        server.tokens.clone().introspect_token(request).await.unwrap().into_inner().active
    };
    // A role takes four bytes for each three of its own.
    for (role, counts) in [(5000, true), (6500, false)] {
        let role = "r".repeat(role);
        server.database.run(&format!("UPDATE users SET roles = '{role}'")).await;
        let tokens = server.session(&user).await;
        assert_eq!(size::ACCESS_TOKEN.fits(&tokens.access_token), counts);
        assert_eq!(active(&tokens).await, counts);
        assert_eq!(server.me(&tokens).await.is_ok(), counts);
    }
}
