//! Networks a key may be used from.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address range, `10.0.0.0/8` or `2001:db8::/32`; a bare address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads `address` or `address/bits`.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn parse(text: &str) -> Result<Network, String> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr =
            address.parse().map_err(|_| format!("{address:?} is no IP address"))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|bits| *bits <= most)
                .ok_or_else(|| format!("{bits:?} is no prefix length of 0 to {most}"))?,
        };
        Ok(Network { address, bits })
    }

    /// Whether `address` lies in the range; an IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                same_prefix(widen(own), widen(other), u32::from(self.bits))
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                same_prefix(bits_of(own), bits_of(other), u32::from(self.bits))
            }
            _ => false,
        }
    }
}

/// The 32 bits at the upper end of 128, so that one comparison serves both families.
fn widen(address: Ipv4Addr) -> u128 {
    u128::from(address.to_bits()) << 96
}

fn bits_of(address: Ipv6Addr) -> u128 {
    address.to_bits()
}

fn same_prefix(a: u128, b: u128, bits: u32) -> bool {
    // A shift by all 128 bits is no shift at all to the processor: 0 bits hold everything.
    bits == 0 || (a ^ b) >> (128 - bits) == 0
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl From<Network> for String {
    fn from(network: Network) -> String {
        network.to_string()
    }
}

impl TryFrom<String> for Network {
    type Error = String;

    fn try_from(text: String) -> Result<Network, String> {
        Network::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_own_and_nothing_else() {
        let holds = |network: &str, address: &str| {
            let network = Network::parse(network).expect("a network");
            network.holds(address.parse().expect("an address"))
        };
        assert!(holds("10.0.0.0/8", "10.200.3.4") && !holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.0.0.0/8", "::ffff:10.1.2.3"), "IPv4 in the clothes of IPv6");
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.8"));
        assert!(holds("0.0.0.0/0", "203.0.113.9") && !holds("0.0.0.0/0", "2001:db8::1"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!holds("2001:db8::/32", "2001:db9::1"));
    }

    #[test]
    fn wrong_ranges_are_told() {
        for wrong in ["", "here", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "10.0.0.0/"] {
            assert!(Network::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
