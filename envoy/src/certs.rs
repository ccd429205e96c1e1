//! A mesh's certificate authority and the certificates of its workloads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
pub use rcgen::DnType;
use rcgen::string::Ia5String;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, SanType,
};

/// A certificate authority. It can also sign certificates for other trust domains than its own.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// The names in a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// URI SANs in order. The first SPIFFE ID is the workload's identity.
    pub uris: Vec<String>,
    /// DNS SANs in order.
    pub dns: Vec<String>,
    /// The parts of the subject in order. Istio leaves it empty.
    pub subject: Vec<(DnType, String)>,
}

impl Names {
    /// Returns the names of an Istio workload: only its SPIFFE ID.
    #[must_use]
    pub fn workload(trust_domain: &str, namespace: &str, service_account: &str) -> Self {
        Self::spiffe(format!("spiffe://{trust_domain}/ns/{namespace}/sa/{service_account}"))
    }

    /// Returns names with one URI SAN and nothing else.
    #[must_use]
    pub fn spiffe(uri: impl Into<String>) -> Self {
        Self { uris: vec![uri.into()], ..Self::default() }
    }
}

/// A certificate and its private key, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key in PKCS#8.
    pub key: String,
}

impl Authority {
    /// Creates a self-signed authority whose common name contains the trust domain.
    pub fn new(trust_domain: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, format!("{trust_domain} root"));
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)
            .context("cannot sign the authority's certificate")?;
        Ok(Self { issuer })
    }

    /// Returns the authority's own certificate in PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Issues a certificate for clients and servers, like the certificate of a workload in a mesh.
    pub fn issue(&self, names: &Names) -> Result<Identity> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in &names.subject {
            params.distinguished_name.push(kind.clone(), value.as_str());
        }
        params.subject_alt_names = names.alternative()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyEncipherment];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];

        let key = KeyPair::generate()?;
        let certificate = params
            .signed_by(&key, &self.issuer)
            .with_context(|| format!("cannot sign a certificate for {names:?}"))?;
        Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem() })
    }

    /// Writes `ca.pem` into `folder` and returns its path.
    pub fn write(&self, folder: &Path) -> Result<PathBuf> {
        write(folder, "ca.pem", &self.pem())
    }
}

impl Names {
    fn alternative(&self) -> Result<Vec<SanType>> {
        let ia5 = |name: &String| {
            Ia5String::try_from(name.as_str()).with_context(|| {
                format!("`{name}` is not ASCII\nhelp: a certificate's names are IA5 strings")
            })
        };
        let uris = self.uris.iter().map(|uri| Ok(SanType::URI(ia5(uri)?)));
        let dns = self.dns.iter().map(|name| Ok(SanType::DnsName(ia5(name)?)));
        uris.chain(dns).collect()
    }
}

impl Identity {
    /// Writes `NAME.pem` and `NAME-key.pem` into `folder` and returns their paths in this order.
    pub fn write(&self, folder: &Path, name: &str) -> Result<(PathBuf, PathBuf)> {
        Ok((
            write(folder, &format!("{name}.pem"), &self.certificate)?,
            write(folder, &format!("{name}-key.pem"), &self.key)?,
        ))
    }
}

fn write(folder: &Path, name: &str, text: &str) -> Result<PathBuf> {
    let path = folder.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))?;
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workload_certificate_contains_only_its_spiffe_id() {
        let names = Names::workload("cluster.local", "foo", "sleep");
        assert_eq!(names.uris, ["spiffe://cluster.local/ns/foo/sa/sleep"]);
        assert!(names.dns.is_empty() && names.subject.is_empty());
    }

    #[test]
    fn certificate_contains_every_kind_of_name() {
        let names = Names {
            uris: vec!["spiffe://a/b".to_owned(), "spiffe://a/c".to_owned()],
            dns: vec!["www.example.com".to_owned()],
            subject: vec![(DnType::CommonName, "someone".to_owned())],
        };
        let identity = Authority::new("cluster.local").unwrap().issue(&names).unwrap();
        assert!(identity.certificate.starts_with("-----BEGIN CERTIFICATE-----"));
        assert!(identity.key.starts_with("-----BEGIN PRIVATE KEY-----"));
    }

    #[test]
    fn non_ascii_name_is_an_error() {
        let names = Names::spiffe("spiffe://zürich/ns/foo/sa/bar");
        let error = Authority::new("cluster.local").unwrap().issue(&names).unwrap_err();
        assert!(error.to_string().contains("is not ASCII"));
    }

    #[test]
    fn certificate_files_have_the_name_of_the_identity() {
        let folder = tempfile::tempdir().unwrap();
        let mesh = Authority::new("cluster.local").unwrap();
        let ca = mesh.write(folder.path()).unwrap();
        let (certificate, key) =
            mesh.issue(&Names::spiffe("spiffe://a/b")).unwrap().write(folder.path(), "sleep").unwrap();
        assert_eq!(fs::read_to_string(ca).unwrap(), mesh.pem());
        assert!(certificate.ends_with("sleep.pem") && key.ends_with("sleep-key.pem"));
    }
}
