//! Pages for people: the contract as OpenAPI with a viewer, and, in development, one that shows the flow live.
//!
//! All files are in the binary. Their Content-Security-Policy lets them talk to this server alone, and run no script
//! but their own.

use axum::{
    Router,
    http::{HeaderMap, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};

use super::{
    inbox,
    page_file::{File, NOSNIFF, files},
    site::{Pages, Site},
};
use crate::pb::OPENAPI;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const SVG: &str = "image/svg+xml";

const DOCS: &[File] = files! {
    "/docs": HTML "docs/index.html",
    "/docs/docs.css": CSS "docs/docs.css",
    "/docs/docs.js": JS "docs/docs.js",
    "/docs/swagger-ui/swagger-ui.css": CSS "docs/swagger-ui/swagger-ui.css",
    "/docs/swagger-ui/swagger-ui-bundle.js": JS "docs/swagger-ui/swagger-ui-bundle.js",
    "/docs/swagger-ui/LICENSE": TEXT "docs/swagger-ui/LICENSE",
    "/docs/swagger-ui/NOTICE": TEXT "docs/swagger-ui/NOTICE",
    "/docs/swagger-ui/swagger-ui-bundle.js.LICENSE.txt": TEXT "docs/swagger-ui/swagger-ui-bundle.js.LICENSE.txt",
};

const HOME: &[File] = files! {
    "/": HTML "home/index.html",
    "/home/api.js": JS "home/api.js",
    "/home/app.js": JS "home/app.js",
    "/home/connect.js": JS "home/connect.js",
    "/home/curl.js": JS "home/curl.js",
    "/home/exchange.js": JS "home/exchange.js",
    "/home/flow.js": JS "home/flow.js",
    "/home/home.css": CSS "home/home.css",
    "/home/inbox.js": JS "home/inbox.js",
    "/home/jwt.js": JS "home/jwt.js",
    "/home/main.js": JS "home/main.js",
    "/home/memory.js": JS "home/memory.js",
    "/home/passkeys.js": JS "home/passkeys.js",
    "/home/problem.js": JS "home/problem.js",
    "/home/revocations.js": JS "home/revocations.js",
    "/home/steps/authenticator.js": JS "home/steps/authenticator.js",
    "/home/steps/login.js": JS "home/steps/login.js",
    "/home/steps/logout.js": JS "home/steps/logout.js",
    "/home/steps/passkeys.js": JS "home/steps/passkeys.js",
    "/home/steps/register.js": JS "home/steps/register.js",
    "/home/steps/sessions.js": JS "home/steps/sessions.js",
    "/home/steps/token.js": JS "home/steps/token.js",
    "/home/steps/verify.js": JS "home/steps/verify.js",
    "/home/totp.js": JS "home/totp.js",
    "/home/view.js": JS "home/view.js",
};

const ICON: &[File] = files! { "/icon.svg": SVG "icon.svg", };

/// The policy of the viewer, which makes HTML of the contract's comments.
const DOCS_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The other page never makes HTML of a text (Trusted Types).
const HOME_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// The routes of the pages.
pub(super) fn router(pages: Pages) -> Router<Site> {
    let mut router = Router::new();
    if pages.docs {
        router = serve(router, DOCS, DOCS_POLICY)
            .route("/docs/", get(|| async { Redirect::temporary("/docs") }))
            .route("/openapi.json", get(openapi));
    }
    if pages.home {
        router = serve(router, HOME, HOME_POLICY).route("/dev/inbox", get(inbox::messages));
    }
    if pages.docs || pages.home { serve(router, ICON, HOME_POLICY) } else { router }
}

fn serve(router: Router<Site>, files: &'static [File], policy: &'static str) -> Router<Site> {
    let route = |router: Router<Site>, file: &'static File| {
        let answer = move |headers: HeaderMap| async move { file.answer(policy, &headers) };
        router.route(file.path, get(answer))
    };
    files.iter().fold(router, route)
}

/// The contract, as OpenAPI 3.1.
async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json"), NOSNIFF], OPENAPI).into_response()
}

/// The paths of the pages, for the log and the figures.
pub(super) fn known_path(path: &str) -> Option<&'static str> {
    let files = DOCS.iter().chain(HOME).chain(ICON).map(|file| file.path);
    files.chain(["/openapi.json", "/dev/inbox"]).find(|known| *known == path)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// The files under a folder of `web/`.
    fn files(folder: &str) -> BTreeSet<String> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("web");
        let (mut folders, mut found) = (vec![root.join(folder)], BTreeSet::new());
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    found.insert(path.strip_prefix(&root).unwrap().display().to_string());
                }
            }
        }
        found
    }

    #[test]
    fn each_script_and_style_of_the_pages_is_served_where_they_ask_for_it() {
        for (folder, served) in [("docs", DOCS), ("home", HOME)] {
            let is_asked_for = |file: &String| file.ends_with(".js") || file.ends_with(".css");
            let there: BTreeSet<_> = files(folder).into_iter().filter(is_asked_for).collect();
            let paths = served.iter().filter(|file| [JS, CSS].contains(&file.media_type));
            assert_eq!(paths.map(|file| file.path[1..].to_owned()).collect::<BTreeSet<_>>(), there);
        }
    }
}
