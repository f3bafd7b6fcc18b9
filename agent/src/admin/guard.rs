//! Who may ask: nobody from a web page, and where a token is set, only those who have it.

use std::hint::black_box;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::AdminState;
use crate::config::export::Secret;

/// What load balancers and supervisors ask, which have no token. These answers say nothing but the agent's phase.
const FOR_ALL: [&str; 2] = ["/livez", "/readyz"];

/// A page open in a browser on this machine reaches loopback ports too. Browsers send `Origin` with every request
/// that changes something (Fetch standard, "append a request Origin header"); tools do not.
pub(super) async fn refuse_browsers(headers: HeaderMap, request: Request, next: Next) -> Response {
    if headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "requests from web pages are refused\n").into_response();
    }
    next.run(request).await
}

/// Asks for the bearer token (RFC 6750, section 2.1), if there is one.
pub(super) async fn ask_for_token(State(state): State<AdminState>, request: Request, next: Next) -> Response {
    let admitted = match &state.token {
        None => true,
        Some(_) if FOR_ALL.contains(&request.uri().path()) => true,
        Some(token) => bearer(request.headers()).is_some_and(|given| is_same(given, token)),
    };
    if admitted {
        return next.run(request).await;
    }
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer")];
    (StatusCode::UNAUTHORIZED, challenge, "send the token: Authorization: Bearer <token>\n").into_response()
}

/// The token of the only `Authorization` line.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (line, more) = (lines.next()?.as_bytes(), lines.next());
    let (scheme, token) = line.split_at_checked(b"bearer ".len())?;
    (more.is_none() && scheme.eq_ignore_ascii_case(b"bearer ")).then_some(token)
}

/// Compares in a time that depends on nothing but the length of what was given.
fn is_same(given: &[u8], token: &Secret) -> bool {
    let token = token.expose().as_bytes();
    let expected = token.iter().copied().chain(std::iter::repeat(0));
    let differences = given.iter().zip(expected).fold(0, |differences, (a, b)| black_box(differences | (a ^ b)));
    differences == 0 && given.len() == token.len()
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header::AUTHORIZATION};

    use super::{bearer, is_same};
    use crate::config::export::Secret;

    #[test]
    fn only_the_whole_token_is_the_token() {
        let token = Secret::new("0123456789abcdef".to_owned());
        for (lines, admitted, reason) in [
            (&["Bearer 0123456789abcdef"][..], true, "the token"),
            (&["bearer 0123456789abcdef"], true, "the scheme has no case"),
            (&[], false, "nothing"),
            (&["Bearer"], false, "no token"),
            (&["Bearer "], false, "an empty token"),
            (&["Bearer 0123456789abcde"], false, "its beginning"),
            (&["Bearer 0123456789abcdef0"], false, "more than it"),
            (&["Bearer 0123456789abcdeF"], false, "another case"),
            (&["Bearer  0123456789abcdef"], false, "two spaces"),
            (&["Basic 0123456789abcdef"], false, "another scheme"),
            (&["0123456789abcdef"], false, "no scheme"),
            (&["Bearer 0123456789abcdef", "Bearer 0123456789abcdef"], false, "which of them?"),
        ] {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(AUTHORIZATION, HeaderValue::from_static(line));
            }
            assert_eq!(bearer(&headers).is_some_and(|given| is_same(given, &token)), admitted, "{reason}");
        }
        assert!(!is_same(b"0123456789abcdef\0", &token), "what lies behind the token counts");
    }
}
