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

/// A certificate authority, which also signs for trust domains other than its own when asked to.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// The names a certificate carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// URI SANs, in order; the first SPIFFE one is the workload's identity.
    pub uris: Vec<String>,
    /// DNS SANs, in order.
    pub dns: Vec<String>,
    /// The parts of the subject, in order; an Istio mesh leaves it empty.
    pub subject: Vec<(DnType, String)>,
}

impl Names {
    /// The names of an Istio workload: its SPIFFE id alone.
    #[must_use]
    pub fn workload(trust_domain: &str, namespace: &str, service_account: &str) -> Self {
        Self::spiffe(format!("spiffe://{trust_domain}/ns/{namespace}/sa/{service_account}"))
    }

    /// One URI SAN and nothing else.
    #[must_use]
    pub fn spiffe(uri: impl Into<String>) -> Self {
        Self { uris: vec![uri.into()], ..Self::default() }
    }
}

/// A certificate and its private key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key, PKCS#8.
    pub key: String,
}

impl Authority {
    /// A self-signed authority whose common name tells which mesh it is for.
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

    /// The authority's own certificate, PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for both ends of a connection, as every workload of a mesh has one.
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

    /// Writes `ca.pem` into `folder`.
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
    /// Writes `NAME.pem` and `NAME-key.pem` into `folder`, in that order.
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
    fn a_workload_has_its_spiffe_id_alone() {
        let names = Names::workload("cluster.local", "foo", "sleep");
        assert_eq!(names.uris, ["spiffe://cluster.local/ns/foo/sa/sleep"]);
        assert!(names.dns.is_empty() && names.subject.is_empty());
    }

    #[test]
    fn every_kind_of_name_is_signed() {
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
    fn a_name_outside_ascii_is_refused() {
        let names = Names::spiffe("spiffe://zürich/ns/foo/sa/bar");
        let error = Authority::new("cluster.local").unwrap().issue(&names).unwrap_err();
        assert!(error.to_string().contains("is not ASCII"));
    }

    #[test]
    fn files_are_named_after_the_identity() {
        let folder = tempfile::tempdir().unwrap();
        let mesh = Authority::new("cluster.local").unwrap();
        let ca = mesh.write(folder.path()).unwrap();
        let (certificate, key) =
            mesh.issue(&Names::spiffe("spiffe://a/b")).unwrap().write(folder.path(), "sleep").unwrap();
        assert_eq!(fs::read_to_string(ca).unwrap(), mesh.pem());
        assert!(certificate.ends_with("sleep.pem") && key.ends_with("sleep-key.pem"));
    }
}
