//! The policy of callers, in a variable or a file.

use super::{values::tests::settings, *};
use crate::domain::{CallerName, Permission};

#[test]
fn a_policy_of_callers_may_have_lines_and_an_empty_file_is_none() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let given = || settings(&[], &[("COUNTERSIGN_CALLERS_FILE", path)]);
    let text = "# The gateway\nspiffe://a.example/gateway = introspect\r\nanyone = watch\n";
    std::fs::write(file.path(), text).unwrap();
    let callers = Config::parse(&given()).unwrap().listen.callers.unwrap();
    let gateway = CallerName::parse("spiffe://a.example/gateway");
    assert!(callers.permit(gateway.as_ref(), Permission::Introspect));
    assert!(callers.permit(None, Permission::Watch));
    assert!(!callers.permit(None, Permission::Introspect));
    let in_variable = settings(&[], &[("COUNTERSIGN_CALLERS", text)]);
    assert_eq!(*Config::parse(&in_variable).unwrap().listen.callers.unwrap(), *callers);
    let empty = settings(&[], &[("COUNTERSIGN_CALLERS", "\n")]);
    let problems = Config::parse(&empty).map(|_| ()).unwrap_err();
    assert_eq!(problems.0.len(), 1, "{problems}");
    assert!(problems.0[0].text.contains("empty"), "{problems}");
    for (text, problem) in [
        ("", "empty"),
        ("\n \n", "empty"),
        ("# nothing\n", "must have an entry"),
        ("anyone = watch\nanyone = everything", "everything"),
    ] {
        std::fs::write(file.path(), text).unwrap();
        let problems = Config::parse(&given()).map(|_| ()).unwrap_err();
        assert_eq!(problems.0.len(), 1, "{problems}");
        assert!(problems.0[0].text.contains(problem), "{text:?}: {problems}");
    }
}
