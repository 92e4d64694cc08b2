//! Fields of a request that are in its path or in its query, as members of its JSON.

use std::borrow::Cow;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, map::Entry};
use url::form_urlencoded;

use super::{
    json::{LEAP_SECOND, is_leap_second, is_ours, shown},
    message::field_of,
};
use crate::domain::InvalidField;

/// Adds the fields of the path.
///
/// # Errors
/// One that the body has as well.
pub(super) fn add_path(
    message: &MessageDescriptor,
    object: &mut Map<String, Value>,
    values: Vec<(&str, Cow<'_, str>)>,
) -> Result<(), InvalidField> {
    values
        .into_iter()
        .try_for_each(|(path, value)| Parameter { path, text: &value }.add(message, object, path))
}

/// Adds the fields of a query. Those of `body` are not for it.
///
/// # Errors
/// One that is unknown, or is there before, or can't be in a query.
pub(super) fn add_query(
    message: &MessageDescriptor,
    object: &mut Map<String, Value>,
    query: &str,
    body: Option<&str>,
) -> Result<(), InvalidField> {
    form_urlencoded::parse(query.as_bytes()).try_for_each(|(path, value)| {
        let parameter = Parameter { path: &path, text: &value };
        let (first, _) = path.split_once('.').unwrap_or((&path, ""));
        let field = field_of(message, first).filter(|field| Some(field.name()) != body);
        field.ok_or_else(|| parameter.refused("is no field that can be in the query"))?;
        parameter.add(message, object, &path)
    })
}

/// A field of the path or of the query.
struct Parameter<'a> {
    /// Such as `filter.role`.
    path: &'a str,
    text: &'a str,
}

impl Parameter<'_> {
    fn refused(&self, problem: &str) -> InvalidField {
        InvalidField::new(shown(self.path), problem)
    }

    /// Adds it at that path within an object. A repeated field may be there many times.
    fn add(
        &self,
        message: &MessageDescriptor,
        object: &mut Map<String, Value>,
        path: &str,
    ) -> Result<(), InvalidField> {
        let (name, rest) =
            path.split_once('.').map_or((path, None), |(name, rest)| (name, Some(rest)));
        let unknown = || self.refused("is no field that can be in the query");
        let field = field_of(message, name).ok_or_else(unknown)?;
        let inner = field.kind().as_message().cloned();
        // The JSON of the well-known types has other members than their fields.
        let inner = inner.filter(|inner| is_ours(inner) && !field.is_list());
        let (rest, inner) = match (rest, inner) {
            (None, _) => return self.put(&field, object),
            (Some(rest), Some(inner)) => (rest, inner),
            (Some(_), None) => return Err(unknown()),
        };
        let within = member(object, &field).or_insert_with(|| Value::Object(Map::new()));
        let within = within.as_object_mut().ok_or_else(|| self.refused(TWICE))?;
        self.add(&inner, within, rest)
    }

    fn put(
        &self,
        field: &FieldDescriptor,
        object: &mut Map<String, Value>,
    ) -> Result<(), InvalidField> {
        let value = value(field, self.text);
        if field.kind().as_message().is_some_and(|message| is_leap_second(message, &value)) {
            return Err(self.refused(LEAP_SECOND));
        }
        match member(object, field) {
            Entry::Vacant(free) => {
                let one = if field.is_list() { Value::Array(vec![value]) } else { value };
                free.insert(one);
            }
            Entry::Occupied(mut taken) => {
                let list = taken.get_mut().as_array_mut().filter(|_| field.is_list());
                list.ok_or_else(|| self.refused(TWICE))?.push(value);
            }
        }
        Ok(())
    }
}

const TWICE: &str = "must not be there twice, be it in the path, the query or the body";

/// The member of the field, in the spelling that it has there.
fn member<'a>(object: &'a mut Map<String, Value>, field: &FieldDescriptor) -> Entry<'a> {
    let has_other_spelling = object.contains_key(field.name());
    object.entry(if has_other_spelling { field.name() } else { field.json_name() })
}

/// The JSON of a text. Numbers, times and names of enums are texts in JSON, too (ProtoJSON).
fn value(field: &FieldDescriptor, text: &str) -> Value {
    let is_wrapper = |kind: &Kind| {
        kind.as_message().is_some_and(|message| message.full_name() == "google.protobuf.BoolValue")
    };
    let is_flag = field.kind() == Kind::Bool || is_wrapper(&field.kind());
    match text {
        "true" if is_flag => Value::Bool(true),
        "false" if is_flag => Value::Bool(false),
        _ => Value::String(text.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::gateway::contract::CONTRACT;

    fn input(rpc: &str) -> MessageDescriptor {
        CONTRACT.rpc(&format!("/auth.v1.AdminService/{rpc}")).unwrap().input.clone()
    }

    /// The JSON of a request with these fields in its body, its path and its query.
    fn joined(
        rpc: &str,
        body: &Value,
        path: &[(&str, &str)],
        query: &str,
    ) -> Result<Value, (String, String)> {
        let (message, mut object) = (input(rpc), body.as_object().unwrap().clone());
        let values = path.iter().map(|(name, value)| (*name, Cow::Borrowed(*value))).collect();
        let added = add_path(&message, &mut object, values).and_then(|()| {
            add_query(&message, &mut object, query, (rpc == "UpdateUser").then_some("user"))
        });
        let refused = |InvalidField { field, problem, .. }| (field.into_owned(), problem);
        added.map(|()| Value::Object(object)).map_err(refused)
    }

    #[test]
    fn each_place_adds_its_fields() {
        let id = ("user.id", "7");
        let body = json!({ "user": { "username": "a" } });
        let query = "updateMask=username&validate_only=true&request_id=a%2Bb+c";
        assert_eq!(
            joined("UpdateUser", &body, &[id], query),
            Ok(json!({
                "user": { "username": "a", "id": "7" }, "updateMask": "username",
                "validateOnly": true, "requestId": "a+b c",
            }))
        );
        assert_eq!(
            joined(
                "ListUsers",
                &json!({}),
                &[],
                "filter.role=x&filter.emailVerified=false&page_size=5"
            ),
            Ok(json!({ "filter": { "role": "x", "emailVerified": false }, "pageSize": "5" }))
        );
        assert_eq!(
            joined("BatchGetUsers", &json!({}), &[], "ids=a&ids=b&ids="),
            Ok(json!({ "ids": ["a", "b", ""] }))
        );
        assert_eq!(joined("ListUsers", &json!({}), &[], "&&"), Ok(json!({})));
    }

    /// Whichever won, somebody else might read the other one.
    #[test]
    fn what_is_there_twice_is_refused_in_whatever_places_and_spellings() {
        let id = ("id", "7");
        for (rpc, body, path, query, name) in [
            ("UnlockUser", json!({ "id": "8" }), &[id][..], "", "id"),
            ("UnlockUser", json!({ "id": "7" }), &[id], "", "id"),
            ("UnlockUser", json!({ "id": null }), &[id], "", "id"),
            ("UnlockUser", json!({ "id": ["8"] }), &[id], "", "id"),
            ("RevokeUserSessions", json!({ "userId": "8" }), &[("user_id", "7")], "", "user_id"),
            ("RevokeUserSessions", json!({ "user_id": "8" }), &[("user_id", "7")], "", "user_id"),
            ("UpdateUser", json!({ "user": { "id": "8" } }), &[("user.id", "7")], "", "user.id"),
            ("UpdateUser", json!({ "user": "x" }), &[("user.id", "7")], "", "user.id"),
            ("DeleteUser", json!({}), &[id], "id=8", "id"),
            ("DeleteUser", json!({}), &[id], "etag=a&etag=a", "etag"),
            (
                "DeleteUser",
                json!({}),
                &[id],
                "validateOnly=true&validate_only=false",
                "validate_only",
            ),
            (
                "DeleteUser",
                json!({}),
                &[id],
                "validate_only=true&validateOnly=false",
                "validateOnly",
            ),
            ("ListUserSessions", json!({}), &[("user_id", "7")], "userId=8", "userId"),
            ("ListUsers", json!({}), &[], "filter.role=a&filter.role=b", "filter.role"),
            ("ListUsers", json!({}), &[], "filter=x&filter.role=b", "filter.role"),
            ("ListUsers", json!({}), &[], "filter.role=b&filter=x", "filter"),
        ] {
            let (field, problem) = joined(rpc, &body, path, query).unwrap_err();
            assert_eq!((&*field, &*problem), (name, TWICE), "{rpc} {body} {query}");
        }
    }

    #[test]
    fn what_can_not_be_in_a_query_is_refused_by_its_name() {
        for (rpc, query, name) in [
            ("ListUsers", "_method=DELETE", "_method"),
            ("ListUsers", "access_token=x", "access_token"),
            ("ListUsers", "Filter=x", "Filter"),
            ("ListUsers", "filter.unknown=x", "filter.unknown"),
            ("ListUsers", "filter.=x", "filter."),
            ("ListUsers", ".filter=x", ".filter"),
            ("ListUsers", "=x", ""),
            ("ListUsers", "pageSize.x=1", "pageSize.x"),
            ("BatchGetUsers", "ids.x=1", "ids.x"),
            ("BatchGetUsers", "ids[]=1", "ids[]"),
            ("BatchGetUsers", "ids%00=1", "ids"),
            // The body's.
            ("UpdateUser", "user.username=x", "user.username"),
            ("UpdateUser", "user=x", "user"),
            // Their JSON has no such members.
            ("CreateUser", "user.metadata.fields=x", "user.metadata.fields"),
            ("CreateUser", "user.metadata.x=x", "user.metadata.x"),
            ("ListUsers", "filter.createdFrom.seconds=1", "filter.createdFrom.seconds"),
        ] {
            let (field, problem) = joined(rpc, &json!({}), &[], query).unwrap_err();
            assert_eq!((&*field, problem.contains("no field")), (name, true), "{query}: {problem}");
        }
        let long = format!("{}=x", "x".repeat(1000));
        assert_eq!(joined("ListUsers", &json!({}), &[], &long).unwrap_err().0.len(), 64);
        let leap = "filter.createdFrom=2016-12-31T23:59:60Z";
        let (field, problem) = joined("ListUsers", &json!({}), &[], leap).unwrap_err();
        assert_eq!((&*field, &*problem), ("filter.createdFrom", LEAP_SECOND));
    }

    #[test]
    fn texts_are_read_as_the_type_of_their_field_and_others_are_refused() {
        let good = |query: &str| {
            let value = joined("ListUsers", &json!({}), &[], query).unwrap();
            crate::gateway::message::encode(&input("ListUsers"), value.as_object().unwrap())
                .map_err(|refused| refused.field.into_owned())
        };
        for query in [
            "filter.emailVerified=true",
            "filter.createdFrom=2026-01-31T12:00:00%2B01:00",
            "filter.state=USER_STATE_DISABLED",
            "pageSize=-5",
        ] {
            assert!(good(query).is_ok(), "{query}");
        }
        for (query, name) in [
            ("filter.emailVerified=TRUE", "filter.emailVerified"),
            ("filter.emailVerified=1", "filter.emailVerified"),
            ("filter.emailVerified=", "filter.emailVerified"),
            ("filter.createdFrom=2026-01-31T12:00:00+01:00", "filter.createdFrom"),
            ("filter.state=disabled", "filter.state"),
            ("page_size=5x", "pageSize"),
            ("pageSize=", "pageSize"),
            ("filter=", "filter"),
            ("filter=%7B%7D", "filter"),
        ] {
            assert_eq!(good(query), Err(name.to_owned()), "{query}");
        }
    }
}
