//! An API key as the node keeps it, and how a request's bearer becomes an actor.

use crate::access::lately::Lately;
use crate::access::network::Network;
use crate::access::secret::SecretHash;
use crate::domain::ids::{KeyId, Name};
use crate::domain::input::{Actor, Door};
use crate::domain::objects::user::Role;
use crate::domain::problem::Problem;
use crate::domain::rights::{Permission, Rights};
use crate::domain::time::{self, Millis};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// An API key: everything but its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its number.
    pub id: KeyId,
    /// The account it opens.
    pub account: Name,
    /// Shown to people, and as `by` in records; 1–100 characters.
    pub name: Name,
    /// What it may do.
    pub role: Role,
    /// For the role `agent`: whose desk it is.
    pub user: Option<Name>,
    /// For the role `switch`: which switch it is.
    pub switch: Option<Name>,
    /// Of the secret.
    pub hash: SecretHash,
    /// When it was made.
    pub created_at: Millis,
    /// From then on it opens nothing.
    pub expires_at: Option<Millis>,
    /// Where it may be used from; empty = everywhere.
    pub networks: Vec<Network>,
    /// What it is narrowed to; `None` = all that the role may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Rights>,
    /// The secret that opened it last.
    #[serde(skip)]
    pub lately: Lately,
}

/// Who a bearer turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The account that the key opens.
    pub account: Name,
    /// Who acts.
    pub actor: Actor,
    /// The key, so that its connections can be closed when it is revoked.
    pub key: KeyId,
    /// When it ends by itself.
    pub expires_at: Option<Millis>,
}

/// A key as the API shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct KeyView {
    /// Its id.
    #[schema(value_type = String)]
    #[serde(serialize_with = "text")]
    pub id: KeyId,
    /// Its name.
    #[schema(value_type = String)]
    pub name: Name,
    /// Its role.
    pub role: Role,
    /// For the role `agent`: the user.
    #[schema(value_type = Option<String>)]
    pub user: Option<Name>,
    /// For the role `switch`: the switch.
    #[schema(value_type = Option<String>)]
    pub switch: Option<Name>,
    /// When it was made.
    #[serde(with = "time::wire")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Millis,
    /// When it ends; null = never.
    #[serde(with = "time::wire_option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Millis>,
    /// Where it may be used from; empty = everywhere.
    #[schema(value_type = Vec<String>)]
    pub networks: Vec<Network>,
    /// What it is narrowed to; null = all that the role may.
    #[schema(value_type = Option<Vec<Permission>>)]
    pub scopes: Option<Rights>,
}

fn text<S: serde::Serializer>(id: &KeyId, s: S) -> Result<S::Ok, S::Error> {
    s.collect_str(id)
}

/// 401 `unauthenticated`; one sentence for all causes, so that a stranger learns nothing.
#[must_use]
pub fn unauthenticated() -> Problem {
    Problem::new(
        401,
        "unauthenticated",
        "send a valid key or session: Authorization: Bearer …; this one is unknown, expired, revoked \
         or not allowed from here",
    )
}

impl Key {
    /// Who the bearer of `secret` is, coming from `remote` at `now`.
    ///
    /// # Errors
    /// 401 `unauthenticated`: another secret, expired, or from a network that is not allowed.
    pub fn admit(&self, secret: &str, remote: IpAddr, now: Millis) -> Result<Identity, Problem> {
        let right = self.lately.matches(&self.hash, secret);
        let living = self.expires_at.is_none_or(|end| now < end);
        let near = self.networks.is_empty() || self.networks.iter().any(|n| n.holds(remote));
        if right && living && near { Ok(self.identity(remote)) } else { Err(unauthenticated()) }
    }

    fn identity(&self, remote: IpAddr) -> Identity {
        Identity {
            account: self.account.clone(),
            actor: Actor {
                name: self.name.clone(),
                role: self.role,
                user: self.user.clone(),
                switch: self.switch.clone(),
                door: Door {
                    key: Some(self.id),
                    from: Some(remote),
                    scopes: self.scopes,
                    ..Door::default()
                },
            },
            key: self.id,
            expires_at: self.expires_at,
        }
    }

    /// As the API shows it.
    #[must_use]
    pub fn view(&self) -> KeyView {
        KeyView {
            id: self.id,
            name: self.name.clone(),
            role: self.role,
            user: self.user.clone(),
            switch: self.switch.clone(),
            created_at: self.created_at,
            expires_at: self.expires_at,
            networks: self.networks.clone(),
            scopes: self.scopes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::secret;

    #[test]
    fn a_key_admits_its_secret_in_time_and_from_its_networks() {
        let id = KeyId::after(KeyId(0), Millis(1_000_000));
        let secret = secret::make(id, [3; secret::RANDOM_BYTES]);
        let key = Key {
            id,
            account: "default".into(),
            name: "edge".into(),
            role: Role::Switch,
            user: None,
            switch: Some("sip-edge-1".into()),
            hash: SecretHash::of(&secret),
            created_at: Millis(1_000_000),
            expires_at: Some(Millis(2_000_000)),
            scopes: None,
            networks: vec![Network::parse("127.0.0.0/8").expect("a network")],
            lately: Lately::default(),
        };
        let here: IpAddr = [127, 0, 0, 1].into();
        let identity = key.admit(&secret, here, Millis(1_999_999)).expect("admitted");
        assert_eq!((&*identity.account, identity.actor.role), ("default", Role::Switch));
        let refused = [
            key.admit("cbk_other", here, Millis(1_500_000)),
            key.admit(&secret, here, Millis(2_000_000)),
            key.admit(&secret, [192, 0, 2, 1].into(), Millis(1_500_000)),
        ];
        for refused in refused {
            assert_eq!(refused.map_err(|problem| problem.status), Err(401));
        }
    }
}
