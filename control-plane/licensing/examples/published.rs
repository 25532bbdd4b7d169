//! What the control plane's services read, made from nothing for a test or a first look: a signed snapshot of two tenants,
//! their licences, manifests, and what the services and a client have to be told. Prints that as `NAME=VALUE` lines.
//!
//! Usage: cargo run -p accessos-licensing --example published FOLDER MANIFEST
#![expect(clippy::print_stdout, reason = "it is a program that prints")]

use std::error::Error;
use std::fs;
use std::path::Path;

use accessos_licensing::claim::AUDIENCE;
use accessos_licensing::{Licence, SCHEMA, seal};
use accessos_routing::{Pointer, SigningKey, Snapshot, State, Tenant, TokenKey, object_name};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip(1);
    let (Some(folder), Some(manifest)) = (words.next(), words.next()) else {
        return Err("say a folder, and the manifest to begin with".into());
    };
    let folder = Path::new(&folder);
    let key = || SigningKey::generate().and_then(|pem| SigningKey::from_pem(&pem));
    let (licenses, publishes, acme) = (key()?, key()?, key()?);
    let now = Timestamp::now();
    routing(folder, &publishes, &acme, now)?;
    let mut manifest: Value = serde_json::from_slice(&fs::read(manifest)?)?;
    for tenant in ["acme", "hooli"] {
        manifest["set"] = tenant.into();
        let set = folder.join("sets").join(tenant);
        fs::create_dir_all(&set)?;
        fs::write(set.join("manifest.json"), manifest.to_string())?;
        fs::create_dir_all(folder.join("licenses"))?;
        let sealed = seal(&licence(tenant, now)?, &licenses)?;
        fs::write(folder.join(format!("licenses/{tenant}.json")), sealed)?;
    }
    println!("LICENSING_KEYS={}", licenses.public());
    println!("ROUTING_KEYS={}", publishes.public());
    println!("CLAIM={}", claim(&acme, now));
    Ok(())
}

fn routing(folder: &Path, publishes: &SigningKey, acme: &SigningKey, now: Timestamp) -> Result<(), Box<dyn Error>> {
    let tenant = |id: &str, token_keys| Tenant {
        id: id.to_owned(),
        hosts: vec![format!("{id}.dev.a3os.app")],
        state: State::Active,
        moved_to: None,
        backend: "https://s1.dev.a3os.app".to_owned(),
        cell: "dev-1".to_owned(),
        token_keys,
    };
    let x = URL_SAFE_NO_PAD.encode(acme.public().bytes());
    let snapshot = Snapshot {
        schema: 1,
        app: "accessos".to_owned(),
        fleet: "dev".to_owned(),
        generation: 1,
        published_at: now,
        restores: None,
        follows: None,
        meant_to_lose: 0,
        tenants: vec![tenant("acme", vec![TokenKey { id: "acme-1".to_owned(), x }]), tenant("hooli", Vec::new())],
    };
    let told = |problems: Vec<accessos_routing::Problem>| format!("{problems:?}");
    let sealed = publishes.seal(&snapshot).map_err(told)?;
    let place = folder.join("routing");
    fs::create_dir_all(&place)?;
    fs::write(place.join(object_name(1, &sealed)), &sealed)?;
    fs::write(place.join(accessos_routing::POINTER), Pointer::to(1, &sealed).bytes()?)?;
    Ok(())
}

fn licence(tenant: &str, now: Timestamp) -> Result<Licence, jiff::Error> {
    Ok(Licence {
        schema: SCHEMA,
        app: "accessos".to_owned(),
        fleet: "dev".to_owned(),
        tenant: tenant.to_owned(),
        plan: Some("standard".to_owned()),
        serial: 1,
        issued_at: now,
        not_before: now,
        expires: now.checked_add(SignedDuration::from_hours(24))?,
    })
}

/// A claim of half an hour.
fn claim(acme: &SigningKey, now: Timestamp) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"tenant": "acme", "aud": AUDIENCE, "exp": now.as_second() + 1800});
    let signed = format!("{}.{}", part(json!({"alg": "EdDSA", "kid": "acme-1"})), part(claims));
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(acme.sign(signed.as_bytes())))
}
