//! Files that are never read, because they usually hold keys or passwords: told by their names.

/// Folders whose whole content is secret.
const FOLDERS: [&str; 9] =
    [".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".gcloud", ".password-store", "keyrings"];

/// Whole names.
const NAMES: [&str; 30] = [
    ".env",
    ".envrc",
    ".netrc",
    "_netrc",
    ".npmrc",
    ".pypirc",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".git-credentials",
    ".dockercfg",
    ".boto",
    ".s3cfg",
    ".vault-token",
    "credentials",
    "credentials.json",
    "credentials.toml",
    "secrets.json",
    "secrets.yaml",
    "secrets.yml",
    "secrets.toml",
    "service-account.json",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ed25519",
    "known_hosts",
    "authorized_keys",
    "htpasswd",
    "shadow",
];

/// Last parts of names.
const ENDINGS: [&str; 17] = [
    ".pem",
    ".key",
    ".p12",
    ".pfx",
    ".jks",
    ".keystore",
    ".kdbx",
    ".kdb",
    ".asc",
    ".gpg",
    ".pgp",
    ".ppk",
    ".p8",
    ".ovpn",
    ".tfstate",
    ".tfvars",
    ".mobileprovision",
];

/// What `.env.example` and its like hold is meant to be read.
const EXAMPLES: [&str; 5] = ["example", "sample", "template", "dist", "defaults"];

/// Whether a file or folder of this name is left out. Letters count in either case.
pub fn is_secret(name: &str, folder: bool) -> bool {
    let name = name.to_lowercase();
    if folder {
        return FOLDERS.contains(&name.as_str());
    }
    let example = name.rsplit('.').next().is_some_and(|last| EXAMPLES.contains(&last));
    let environment = name.starts_with(".env.") || name.ends_with(".env");
    NAMES.contains(&name.as_str())
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
        || environment && !example
        || name.starts_with("client_secret") && name.ends_with(".json")
        || name.starts_with("terraform.tfstate")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_their_names() {
        for name in [
            ".env",
            ".env.local",
            ".ENV.production",
            "prod.env",
            "id_rsa",
            "server.key",
            "cert.PEM",
            ".npmrc",
            "client_secret_123.json",
            "terraform.tfstate.backup",
            "my.kdbx",
            "credentials",
            "Secrets.yaml",
        ] {
            assert!(is_secret(name, false), "{name}");
        }
        for name in
            [".env.example", ".env.template", "environment.rs", "keys.rs", "secrets.rs", "monkey", "env"]
        {
            assert!(!is_secret(name, false), "{name}");
        }
        assert!(is_secret(".ssh", true) && is_secret(".AWS", true) && !is_secret("ssh", true));
        assert!(!is_secret(".ssh", false));
    }
}
