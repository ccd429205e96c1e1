//! Releases of Istio, Envoy and Cilium.

use alloc::{
    format,
    string::{String, ToString},
};
use core::{fmt, str::FromStr};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A release `1.MINOR` or `1.MINOR.PATCH`. A release line without a patch is its newest patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Release {
    minor: u16,
    patch: u16,
}

/// The newest patch of a release line.
const NEWEST: u16 = u16::MAX;

impl Release {
    const fn line(minor: u16) -> Self {
        Self { minor, patch: NEWEST }
    }

    fn parse(text: &str) -> Option<Self> {
        let release = text.strip_prefix("1.")?;
        match release.split_once('.') {
            None => Some(Self::line(number(release)?)),
            Some((minor, patch)) => {
                Some(Self { minor: number(minor)?, patch: number(patch).filter(|patch| *patch < NEWEST)? })
            }
        }
    }
}

/// Returns the number in `text`. Unlike `parse`, it accepts no sign.
fn number(text: &str) -> Option<u16> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.patch {
            NEWEST => write!(f, "1.{}", self.minor),
            patch => write!(f, "1.{}.{patch}", self.minor),
        }
    }
}

/// A version that is invalid or that Palisade does not support.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionError {
    product: &'static str,
    version: String,
    supported: String,
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { product, version, supported } = self;
        write!(f, "unknown {product} version `{version}`, supported: {supported}")
    }
}

impl core::error::Error for VersionError {}

macro_rules! version {
    ($(#[$doc:meta])* $name:ident, $product:literal, $oldest:literal..=$newest:literal, patches: $patches:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Release);

        impl $name {
            /// Returns the supported versions as text.
            pub fn supported() -> String {
                let [oldest, newest] = [Release::line($oldest), Release::line($newest)];
                if oldest == newest { newest.to_string() } else { format!("{oldest} to {newest}") }
            }
        }

        /// The newest supported release line.
        impl Default for $name {
            fn default() -> Self {
                Self(Release::line($newest))
            }
        }

        impl FromStr for $name {
            type Err = VersionError;

            fn from_str(text: &str) -> Result<Self, VersionError> {
                let is_supported = |release: &Release| {
                    ($oldest..=$newest).contains(&release.minor) && ($patches || release.patch == NEWEST)
                };
                Release::parse(text).filter(is_supported).map(Self).ok_or_else(|| VersionError {
                    product: $product,
                    version: text.to_string(),
                    supported: Self::supported(),
                })
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        /// Reads text only: the number `1.20` would be the version `1.2`.
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

version! {
    /// An Istio release line, such as `1.31`.
    ///
    /// Palisade supports one release line. A case file that states its version is rejected by a Palisade that
    /// implements another one.
    ///
    /// ```
    /// use palisade::IstioVersion;
    ///
    /// assert_eq!("1.31".parse(), Ok(IstioVersion::default()));
    /// let error = "0.1".parse::<IstioVersion>().unwrap_err();
    /// assert_eq!(error.to_string(), "unknown Istio version `0.1`, supported: 1.31");
    /// ```
    IstioVersion, "Istio", 31..=31, patches: false
}

version! {
    /// An Envoy release, such as `1.39.0`, or the newest patch of a release line, such as `1.40`.
    ///
    /// ```
    /// use palisade::EnvoyVersion;
    ///
    /// let line: EnvoyVersion = "1.39".parse().unwrap();
    /// assert!(line > "1.39.2".parse().unwrap());
    /// assert!("banana".parse::<EnvoyVersion>().is_err());
    /// ```
    EnvoyVersion, "Envoy", 36..=40, patches: true
}

version! {
    /// A Cilium release line, such as `1.20`.
    ///
    /// ```
    /// use palisade::CiliumVersion;
    ///
    /// assert_eq!("1.19".parse(), Ok(CiliumVersion::V1_19));
    /// assert!(CiliumVersion::V1_19 < CiliumVersion::default());
    /// ```
    CiliumVersion, "Cilium", 17..=20, patches: false
}

impl EnvoyVersion {
    /// Returns the minor and the patch number; the latter is the highest one for the newest patch of a release line.
    pub(crate) fn numbers(self) -> (u16, u16) {
        (self.0.minor, self.0.patch)
    }
}

impl CiliumVersion {
    /// 1.17 and earlier.
    pub const V1_17: Self = Self(Release::line(17));
    /// 1.18.
    pub const V1_18: Self = Self(Release::line(18));
    /// 1.19.
    pub const V1_19: Self = Self(Release::line(19));
    /// 1.20.
    pub const V1_20: Self = Self(Release::line(20));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_version_is_error_with_supported_range() {
        for text in
            ["", "banana", "1", "1.", "2.40", "1.35", "1.41", "1.40.", "1.40.x", "1.+40", "1.40.65535"]
        {
            let error = text.parse::<EnvoyVersion>().unwrap_err();
            assert_eq!(error.to_string(), format!("unknown Envoy version `{text}`, supported: 1.36 to 1.40"));
        }
        assert!("1.19.1".parse::<CiliumVersion>().is_err());
        assert!("1.16".parse::<CiliumVersion>().is_err());
    }

    #[test]
    fn release_line_orders_after_its_patches() {
        let version = |text: &str| text.parse::<EnvoyVersion>().unwrap();
        let ordered = ["1.36.9", "1.36.10", "1.36", "1.37.0", "1.40.1", "1.40"].map(version);
        assert!(ordered.is_sorted());
        assert_eq!(version("1.36.10").to_string(), "1.36.10");
        assert_eq!(version("1.36").to_string(), "1.36");
    }
}
