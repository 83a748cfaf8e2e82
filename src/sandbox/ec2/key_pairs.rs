//! Key pairs: the public halves of the keys that sign operators in.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ssh_key::public::RsaPublicKey;
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey};

use super::lists::{Filter, Searchable};
use super::tags::{self, TagSpecification};
use super::{dry_run, hex, invalid, missing};
use crate::sandbox::call::Call;
use crate::sandbox::clock::iso;
use crate::sandbox::ids;
use crate::sandbox::operation::{Answer, Reply};
use crate::sandbox::refusal::Refusal;
use crate::sandbox::tags::Tags;
use crate::sandbox::wire::Flag;
use crate::sandbox::world::World;

/// A key pair; its private half is not kept.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct KeyPair {
    pub(super) id: String,
    name: String,
    /// `ed25519` or `rsa`.
    kind: String,
    /// In OpenSSH's form.
    pub(super) public_key: String,
    fingerprint: String,
    created: Timestamp,
}

/// No name is longer.
const LONGEST_NAME: usize = 255;
/// The lengths of RSA keys that EC2 takes.
const RSA_BITS: [usize; 3] = [1024, 2048, 4096];

fn check_name(world: &World, call: &Call, name: &str) -> Result<(), Refusal> {
    if name.is_empty() {
        return Err(missing("KeyName"));
    }
    if name.len() > LONGEST_NAME || !name.is_ascii() || name.trim() != name {
        return Err(invalid(format!(
            "Value ({name}) for parameter KeyName is invalid. It must be up to 255 ASCII characters without \
             spaces around them."
        )));
    }
    if world.ec2.key_pairs.contains(&call.place.key(name)) {
        return Err(Refusal::new(
            "InvalidKeyPair.Duplicate",
            format!("The keypair '{name}' already exists."),
        ));
    }
    Ok(())
}

/// Reads a public key, if it is of a kind that EC2 takes: its kind, and how EC2 tells it apart.
fn read(public_key: &str) -> Option<(&'static str, String)> {
    let key = PublicKey::from_openssh(public_key.trim()).ok()?;
    match key.algorithm() {
        Algorithm::Ed25519 => Some(("ed25519", sha256(&key))),
        Algorithm::Rsa { .. } => {
            let rsa = key.key_data().rsa()?;
            let bits = rsa.n.as_positive_bytes()?.len() * 8;
            RSA_BITS.contains(&bits).then(|| ("rsa", md5_of_der(rsa)))
        }
        _ => None,
    }
}

/// The fingerprint of ed25519 keys: as OpenSSH's, without its prefix and padded.
fn sha256(key: &PublicKey) -> String {
    BASE64_STANDARD.encode(key.fingerprint(HashAlg::Sha256).as_bytes())
}

/// The fingerprint of RSA keys that were imported: the MD5 of the key in DER (RFC 5280, `SubjectPublicKeyInfo`).
fn md5_of_der(key: &RsaPublicKey) -> String {
    const SEQUENCE: u8 = 0x30;
    const INTEGER: u8 = 0x02;
    const BIT_STRING: u8 = 0x03;
    /// `rsaEncryption`, without parameters.
    const RSA: [u8; 15] =
        [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
    let numbers = [der(INTEGER, key.n.as_bytes()), der(INTEGER, key.e.as_bytes())].concat();
    // No bit of the last byte is unused.
    let bits = [vec![0], der(SEQUENCE, &numbers)].concat();
    let info = der(SEQUENCE, &[RSA.to_vec(), der(BIT_STRING, &bits)].concat());
    let digits = hex(&info);
    let pairs = (0..digits.len()).step_by(2).map(|at| &digits[at..at + 2]);
    pairs.collect::<Vec<_>>().join(":")
}

/// A value in DER: its tag, its length, itself.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length: Vec<u8> = content.len().to_be_bytes().into_iter().skip_while(|byte| *byte == 0).collect();
    let mut value = vec![tag];
    if content.len() >= 0x80 {
        value.push(0x80 | u8::try_from(length.len()).expect("a length has eight bytes"));
    }
    value.extend(length);
    value.extend(content);
    value
}

/// What a key pair's making is answered with.
fn made(world: &World, call: &Call, pair: &KeyPair) -> Value {
    json!({
        "keyPairId": pair.id,
        "keyName": pair.name,
        "keyFingerprint": pair.fingerprint,
        "tagSet": tags::shown(world, &call.place, &pair.id),
    })
}

fn keep(world: &mut World, call: &Call, pair: KeyPair, tags: Option<&Tags>) -> Value {
    tags::give(world, &call.place, &pair.id, tags);
    let answer = made(world, call, &pair);
    world.ec2.key_pairs.insert(call.place.key(&pair.name), pair);
    answer
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ImportKeyPair {
    key_name: String,
    public_key_material: String,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
    dry_run: Option<Flag>,
}

pub(super) fn import_key_pair(world: &mut World, call: &Call, input: ImportKeyPair) -> Answer {
    check_name(world, call, &input.key_name)?;
    let bad = || Refusal::new("InvalidKey.Format", "Key is not in valid OpenSSH public key format");
    let material = BASE64_STANDARD.decode(&input.public_key_material).map_err(|_| bad())?;
    let public_key = String::from_utf8(material).map_err(|_| bad())?.trim().to_owned();
    let (kind, fingerprint) = read(&public_key).ok_or_else(bad)?;
    let tags = tags::specified(&input.tag_specification, &["key-pair"])?;
    dry_run(input.dry_run)?;
    let pair = KeyPair {
        id: ids::ec2("key"),
        name: input.key_name,
        kind: kind.to_owned(),
        public_key,
        fingerprint,
        created: call.now,
    };
    Ok(keep(world, call, pair, tags.get("key-pair")).into())
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct CreateKeyPair {
    key_name: String,
    key_type: Option<String>,
    key_format: Option<String>,
    #[serde(default)]
    tag_specification: Vec<TagSpecification>,
    dry_run: Option<Flag>,
}

/// AWS makes an RSA key when no type is named; here it is an ed25519 key then too.
pub(super) fn create_key_pair(world: &mut World, call: &Call, input: CreateKeyPair) -> Answer {
    check_name(world, call, &input.key_name)?;
    if let Some(other) = input.key_type.filter(|kind| kind != "ed25519") {
        return Err(invalid(format!(
            "Value ({other}) for parameter KeyType is invalid. The sandbox makes keys of the type ed25519."
        )));
    }
    if let Some(other) = input.key_format.filter(|format| format != "pem") {
        return Err(invalid(format!(
            "Value ({other}) for parameter KeyFormat is invalid. The sandbox writes keys in the format pem."
        )));
    }
    let tags = tags::specified(&input.tag_specification, &["key-pair"])?;
    dry_run(input.dry_run)?;
    let (private, public_key, fingerprint) = new_key(&input.key_name).map_err(|error| {
        tracing::error!(%error, "no key could be made");
        Refusal::new("InternalError", "An internal error has occurred").status(500)
    })?;
    let pair = KeyPair {
        id: ids::ec2("key"),
        name: input.key_name,
        kind: "ed25519".to_owned(),
        public_key,
        fingerprint,
        created: call.now,
    };
    let mut answer = keep(world, call, pair, tags.get("key-pair"));
    answer["keyMaterial"] = json!(private);
    Ok(answer.into())
}

/// A new key: its private and its public half, and its fingerprint.
fn new_key(name: &str) -> Result<(String, String, String), ssh_key::Error> {
    let mut key = PrivateKey::random(&mut ssh_key::rand_core::OsRng, Algorithm::Ed25519)?;
    key.set_comment(name);
    let private = key.to_openssh(LineEnding::LF)?.to_string();
    Ok((private, key.public_key().to_openssh()?, sha256(key.public_key())))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DescribeKeyPairs {
    #[serde(default)]
    key_name: Vec<String>,
    #[serde(default)]
    key_pair_id: Vec<String>,
    include_public_key: Option<Flag>,
    #[serde(default)]
    filter: Vec<Filter>,
    dry_run: Option<Flag>,
}

const SEARCHABLE: Searchable = Searchable {
    tags: "tagSet",
    by: &[("fingerprint", "keyFingerprint"), ("key-name", "keyName"), ("key-pair-id", "keyPairId")],
};

pub(super) fn describe_key_pairs(world: &mut World, call: &Call, input: DescribeKeyPairs) -> Answer {
    dry_run(input.dry_run)?;
    let place = &call.place;
    let pairs: Vec<&KeyPair> = world.ec2.key_pairs.under(&place.prefix()).map(|(_, pair)| pair).collect();
    let unknown = |what: &str, value: &str| {
        Refusal::new("InvalidKeyPair.NotFound", format!("The {what} '{value}' does not exist"))
    };
    if let Some(name) = input.key_name.iter().find(|name| !pairs.iter().any(|pair| pair.name == **name)) {
        return Err(unknown("key pair", name));
    }
    if let Some(id) = input.key_pair_id.iter().find(|id| !pairs.iter().any(|pair| pair.id == **id)) {
        return Err(unknown("key pair ID", id));
    }
    let wanted = |pair: &&&KeyPair| {
        (input.key_name.is_empty() && input.key_pair_id.is_empty())
            || input.key_name.contains(&pair.name)
            || input.key_pair_id.contains(&pair.id)
    };
    let public = input.include_public_key == Some(Flag(true));
    let shown = pairs.iter().filter(wanted).map(|pair| {
        let document = json!({
            "keyPairId": pair.id,
            "keyName": pair.name,
            "keyType": pair.kind,
            "keyFingerprint": pair.fingerprint,
            "publicKey": public.then_some(&pair.public_key),
            "createTime": iso(pair.created),
            "tagSet": tags::shown(world, place, &pair.id),
        });
        (pair.name.clone(), document)
    });
    let picked = SEARCHABLE.pick(&input.filter, shown.collect())?;
    let all: Vec<Value> = picked.into_iter().map(|(_, pair)| pair).collect();
    Ok(Reply::Document(json!({ "keySet": all })))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct DeleteKeyPair {
    key_name: Option<String>,
    key_pair_id: Option<String>,
    dry_run: Option<Flag>,
}

/// What is not there is deleted as well.
pub(super) fn delete_key_pair(world: &mut World, call: &Call, input: DeleteKeyPair) -> Answer {
    if input.key_name.is_none() && input.key_pair_id.is_none() {
        return Err(missing("KeyName"));
    }
    dry_run(input.dry_run)?;
    let meant = |pair: &KeyPair| {
        input.key_name.as_ref().is_none_or(|name| *name == pair.name)
            && input.key_pair_id.as_ref().is_none_or(|id| *id == pair.id)
    };
    let row = world.ec2.key_pairs.under(&call.place.prefix()).find(|(_, pair)| meant(pair));
    let Some((row, id)) = row.map(|(key, pair)| (key.to_owned(), pair.id.clone())) else {
        return Ok(json!({ "return": true }).into());
    };
    world.ec2.key_pairs.remove(&row);
    world.ec2.tags.remove(&call.place.key(&id));
    Ok(json!({ "return": true, "keyPairId": id }).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::trial::Trial;

    const ED25519: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJhHxhqa0g3+3VGtKjOPK3wtEBdYV7GgqVYJ8rIJM0vj operator@desk";
    const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDhfBrUBM6hA8AyMTzyBQvPZ3SBuiMOu8B+6jYTkfMPB6bSCGoQFP2NUfxpH+DOuwBQ6mPHJZ0GUUzr1pbjbLLXyaCsTvy7Tq5iYa6N8cPMBFTbNVtWVVqZNvHxB0yTIxQpJm6tYKIt2KkkY8k1+8OaX9JUz/IJnyWr2n+7h7BHzw==";

    fn import(trial: &mut Trial, name: &str, key: &str) -> Result<Value, Refusal> {
        let material = BASE64_STANDARD.encode(key);
        trial.ask("ec2", "ImportKeyPair", json!({ "KeyName": name, "PublicKeyMaterial": material }))
    }

    #[test]
    fn only_a_public_key_that_ssh_can_read_is_imported() {
        let mut trial = Trial::new();
        import(&mut trial, "desk", ED25519).expect("a good key");
        for bad in ["", "ssh-ed25519", "ssh-ed25519 AAAA", "-----BEGIN OPENSSH PRIVATE KEY-----"] {
            let refusal = import(&mut trial, "other", bad).expect_err(bad);
            assert_eq!(refusal.code, "InvalidKey.Format");
        }
        let again = import(&mut trial, "desk", ED25519).expect_err("it is there");
        assert_eq!(again.code, "InvalidKeyPair.Duplicate");
    }

    #[test]
    fn fingerprints_are_of_the_kind_that_the_key_is_of() {
        let mut trial = Trial::new();
        let ed25519 = import(&mut trial, "a", ED25519).expect("a good key");
        assert_eq!(ed25519["keyFingerprint"].as_str().map(str::len), Some(44));
        let rsa = import(&mut trial, "b", RSA).expect("a good key");
        assert_eq!(rsa["keyFingerprint"].as_str().map(str::len), Some(47));
    }

    #[test]
    fn a_made_key_is_given_once_and_fits_its_public_half() {
        let mut trial = Trial::new();
        let made = trial.ask("ec2", "CreateKeyPair", json!({ "KeyName": "k", "KeyType": "ed25519" }));
        let made = made.expect("made");
        let key = PrivateKey::from_openssh(made["keyMaterial"].as_str().expect("text")).expect("a key");
        let shown = trial.ask("ec2", "DescribeKeyPairs", json!({ "IncludePublicKey": "true" }));
        let shown = shown.expect("there");
        let public = PublicKey::from_openssh(shown["keySet"][0]["publicKey"].as_str().expect("text"));
        assert_eq!(public.expect("a key").key_data(), key.public_key().key_data());
        assert!(shown["keySet"][0].get("keyMaterial").is_none());
    }

    #[test]
    fn deleting_is_idempotent_and_asking_is_not() {
        let mut trial = Trial::new();
        import(&mut trial, "desk", ED25519).expect("a good key");
        for _ in 0..2 {
            trial.ask("ec2", "DeleteKeyPair", json!({ "KeyName": "desk" })).expect("gone");
        }
        let code = trial.refused("ec2", "DescribeKeyPairs", json!({ "KeyName": ["desk"] }));
        assert_eq!(code, "InvalidKeyPair.NotFound");
    }
}
