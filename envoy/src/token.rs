//! Signed JSON Web Tokens, which Envoy's filter `jwt_authn` validates.

use anyhow::{Context, Result, anyhow};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use ring::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use serde_json::{Map, Value, json};

/// The ES256 key pair of an issuer.
#[derive(Debug)]
pub struct Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
}

impl Signer {
    /// Creates a key pair.
    pub fn new() -> Result<Self> {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pair = EcdsaKeyPair::generate_pkcs8(algorithm, &random).map_err(|e| anyhow!("{e}"))?;
        let key = EcdsaKeyPair::from_pkcs8(algorithm, pair.as_ref(), &random).map_err(|e| anyhow!("{e}"))?;
        Ok(Self { key, random })
    }

    /// Returns the public key as a JSON Web Key Set.
    pub fn jwks(&self) -> Result<String> {
        // The encoding is the byte 4 and both coordinates.
        let point = self.key.public_key().as_ref();
        let (x, y) = point.get(1..).and_then(|p| p.split_at_checked(32)).context("a point of P-256")?;
        let key = json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig",
            "x": BASE64.encode(x), "y": BASE64.encode(y)});
        Ok(json!({"keys": [key]}).to_string())
    }

    /// Signs a token with this payload.
    pub fn sign(&self, claims: &Map<String, Value>) -> Result<String> {
        let head = json!({"alg": "ES256", "typ": "JWT"}).to_string();
        let payload = serde_json::to_string(claims)?;
        let signed = format!("{}.{}", BASE64.encode(head), BASE64.encode(payload));
        let signature = self.key.sign(&self.random, signed.as_bytes()).map_err(|e| anyhow!("{e}"))?;
        Ok(format!("{signed}.{}", BASE64.encode(signature.as_ref())))
    }
}

#[cfg(test)]
mod tests {
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    use super::*;

    #[test]
    fn token_verifies_with_published_key() {
        let signer = Signer::new().unwrap();
        let claims = json!({"iss": "i"}).as_object().unwrap().clone();
        let token = signer.sign(&claims).unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let payload = BASE64.decode(signed.split_once('.').unwrap().1).unwrap();
        assert_eq!(payload, br#"{"iss":"i"}"#);
        let jwks: Value = serde_json::from_str(&signer.jwks().unwrap()).unwrap();
        let coordinate = |name: &str| BASE64.decode(jwks["keys"][0][name].as_str().unwrap()).unwrap();
        let point = [vec![4], coordinate("x"), coordinate("y")].concat();
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        key.verify(signed.as_bytes(), &BASE64.decode(signature).unwrap()).unwrap();
    }
}
