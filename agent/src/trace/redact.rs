//! Credentials taken out of a query before it is recorded.
//!
//! Decides by parameter names only and looks into no value. In doubt it redacts: a query in a trace is read by more
//! people than the request was meant for. The request itself is never changed.

/// What stands in for a value (OpenTelemetry semantic conventions, `url.query`).
const REDACTED: &[u8] = b"REDACTED";

/// Names whose values are credentials, without `-` and `_`, in lower case. The first four are the defaults of the
/// OpenTelemetry conventions; the others are what web frameworks, OAuth 2 and cloud vendors use.
const NAMES: &[&[u8]] = &[
    b"awsaccesskeyid",
    b"signature",
    b"sig",
    b"xgoogsignature",
    b"accesskey",
    b"accesskeyid",
    b"accesstoken",
    b"apikey",
    b"apitoken",
    b"appkey",
    b"assertion",
    b"auth",
    b"authcode",
    b"authorization",
    b"authtoken",
    b"bearer",
    b"clientassertion",
    b"clientsecret",
    b"code",
    b"codeverifier",
    b"credential",
    b"credentials",
    b"csrf",
    b"csrftoken",
    b"googleaccessid",
    b"idtoken",
    b"jsessionid",
    b"jwt",
    b"key",
    b"keypairid",
    b"magiclink",
    b"otp",
    b"pass",
    b"passphrase",
    b"passwd",
    b"password",
    b"phpsessid",
    b"privatekey",
    b"pwd",
    b"refreshtoken",
    b"samlresponse",
    b"secret",
    b"secretkey",
    b"session",
    b"sessionid",
    b"sessiontoken",
    b"sid",
    b"subscriptionkey",
    b"ticket",
    b"token",
    b"xamzcredential",
    b"xamzsecuritytoken",
    b"xamzsignature",
    b"xapikey",
    b"xgoogcredential",
];

/// No name is longer, once `-` and `_` are left out.
const LONGEST: usize = 24;

/// Appends `query` (without `?`) with the values of credentials replaced. Names, order and all other bytes are kept.
///
/// A name is compared without regard to case, `-`, `_` and percent-encoding; in a nested one such as `user[password]`
/// or `user.password` each part counts. Parameters end at `&`; a `;` or `?` inside one may begin another.
pub fn write_redacted_query(query: &[u8], out: &mut Vec<u8>) {
    for (place, parameter) in query.split(|&byte| byte == b'&').enumerate() {
        if place > 0 {
            out.push(b'&');
        }
        match secret_value(parameter) {
            Some(start) => {
                out.extend_from_slice(parameter.get(..start).unwrap_or_default());
                out.extend_from_slice(REDACTED);
            }
            None => out.extend_from_slice(parameter),
        }
    }
}

/// Where the value of a credential begins in this parameter; from there to its end nothing is shown.
fn secret_value(parameter: &[u8]) -> Option<usize> {
    let mut start = 0;
    for part in parameter.split(|byte| matches!(byte, b';' | b'?')) {
        if let Some(equals) = part.iter().position(|&byte| byte == b'=')
            && is_secret(part.get(..equals).unwrap_or_default())
        {
            return Some(start + equals + 1);
        }
        start += part.len() + 1;
    }
    None
}

/// Whether a parameter name, or a part of a nested one, is that of a credential.
fn is_secret(name: &[u8]) -> bool {
    let mut rest = name;
    let mut part = Part::default();
    while let Some((byte, after)) = next_byte(rest) {
        rest = after;
        match byte {
            b'[' | b']' | b'.' => {
                if part.is_secret() {
                    return true;
                }
                part = Part::default();
            }
            b'-' | b'_' | b' ' | b'+' => {}
            byte => part.push(byte.to_ascii_lowercase()),
        }
    }
    part.is_secret()
}

/// The next byte of a name, percent-decoded, and what follows it.
fn next_byte(name: &[u8]) -> Option<(u8, &[u8])> {
    if let [b'%', high, low, rest @ ..] = name
        && let (Some(high), Some(low)) = (char::from(*high).to_digit(16), char::from(*low).to_digit(16))
    {
        return u8::try_from(high << 4 | low).ok().map(|byte| (byte, rest));
    }
    name.split_first().map(|(byte, rest)| (*byte, rest))
}

/// The part of a name read so far, as far as it can still be one of [`NAMES`].
#[derive(Default)]
struct Part {
    bytes: [u8; LONGEST],
    length: usize,
}

impl Part {
    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
        }
        self.length = self.length.saturating_add(1);
    }

    fn is_secret(&self) -> bool {
        self.bytes.get(..self.length).is_some_and(|part| NAMES.contains(&part))
    }
}

#[cfg(test)]
mod tests;
