//! The header `X-Forwarded-Client-Cert`.

use super::{
    header_map::HeaderMap,
    proxy::{CertificateDetails, ClientCertificate, Downstream, ForwardClientCertificate, Proxy},
};
use alloc::{format, string::String, vec::Vec};

const NAME: &str = "x-forwarded-client-cert";

/// A placeholder for the SHA-256 digest of the certificate, which manifests do not contain.
const DIGEST: &str = "0000000000000000000000000000000000000000000000000000000000000000";
/// A placeholder for the certificate, which manifests do not contain.
const PEM: &str = "-----BEGIN%20CERTIFICATE-----%0A-----END%20CERTIFICATE-----%0A";

/// Sets, extends, keeps or removes the header, depending on the settings of the proxy.
pub(super) fn forward(headers: &mut HeaderMap, downstream: &Downstream, proxy: &Proxy) {
    use ForwardClientCertificate as Forward;
    match (proxy.client_certificate, &downstream.certificate) {
        (Forward::AlwaysForwardOnly, _) | (Forward::ForwardOnly, Some(_)) => {}
        (Forward::AppendForward, Some(certificate)) => {
            let text = describe(certificate, downstream, proxy.certificate_details);
            headers.append(NAME, text.as_bytes(), b",");
        }
        (Forward::SanitizeSet, Some(certificate)) => {
            let text = describe(certificate, downstream, proxy.certificate_details);
            headers.set(NAME, text.as_bytes());
        }
        _ => headers.remove(NAME),
    }
}

fn describe(certificate: &ClientCertificate, downstream: &Downstream, details: CertificateDetails) -> String {
    let mut parts: Vec<String> = downstream.identity.iter().map(|uri| format!("By={uri}")).collect();
    parts.push(format!("Hash={DIGEST}"));
    if details.certificate {
        parts.push(format!("Cert=\"{PEM}\""));
    }
    if details.chain {
        parts.push(format!("Chain=\"{PEM}\""));
    }
    if details.subject {
        parts.push(format!("Subject=\"{}\"", certificate.subject));
    }
    if details.uri {
        match certificate.uris.as_slice() {
            [] => parts.push("URI=".into()),
            uris => parts.extend(uris.iter().map(|uri| format!("URI={uri}"))),
        }
    }
    if details.dns {
        parts.extend(certificate.dns_names.iter().map(|name| format!("DNS={name}")));
    }
    parts.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(forward: ForwardClientCertificate, sent: &str, certificate: bool) -> Option<String> {
        let mut headers = HeaderMap::default();
        headers.add(NAME, sent.as_bytes());
        let names = ClientCertificate {
            uris: alloc::vec!["spiffe://td/ns/a/sa/b".into()],
            dns_names: alloc::vec!["d".into()],
            subject: String::new(),
        };
        let downstream = Downstream {
            certificate: certificate.then_some(names),
            identity: Some("spiffe://td/ns/foo/sa/app".into()),
            ..Downstream::default()
        };
        super::forward(&mut headers, &downstream, &Proxy { client_certificate: forward, ..Proxy::sidecar() });
        headers.first(NAME).map(|value| String::from_utf8_lossy(value).into_owned())
    }

    #[test]
    fn header_follows_the_proxy_settings() {
        use ForwardClientCertificate::*;
        let own = format!(
            "By=spiffe://td/ns/foo/sa/app;Hash={DIGEST};Subject=\"\";URI=spiffe://td/ns/a/sa/b;DNS=d"
        );
        assert_eq!(forwarded(AppendForward, "x", true), Some(format!("x,{own}")));
        assert_eq!(forwarded(AppendForward, "", true), Some(own.clone()));
        assert_eq!(forwarded(SanitizeSet, "x", true), Some(own));
        for forward in [AppendForward, SanitizeSet, Sanitize, ForwardOnly] {
            assert_eq!(forwarded(forward, "x", false), None, "{forward:?}");
        }
        assert_eq!(forwarded(ForwardOnly, "x", true).as_deref(), Some("x"));
        assert_eq!(forwarded(AlwaysForwardOnly, "x", false).as_deref(), Some("x"));
    }
}
