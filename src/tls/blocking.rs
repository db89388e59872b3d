//! A connection for those who block: plain, or with TLS.

use super::Trust;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

/// A server and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Target {
    address: SocketAddr,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// An open connection.
pub trait Connection: Read + Write + Send {}

impl<T: Read + Write + Send> Connection for T {}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Target {
        Target { address, tls: None }
    }
}

impl Target {
    /// The same address with TLS; the server's certificate must be for `host`.
    ///
    /// # Errors
    /// When nobody would be trusted, or `host` is no name.
    pub fn secure(address: SocketAddr, host: &str, trust: &Trust) -> io::Result<Target> {
        let name = super::server_name(host)?;
        let config = trust.client().map_err(io::Error::other)?;
        Ok(Target { address, tls: Some((config, name)) })
    }

    /// Connects.
    ///
    /// # Errors
    /// When nobody listens. The handshake comes with the first byte.
    pub fn connect(&self) -> io::Result<Box<dyn Connection>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        let Some((config, name)) = &self.tls else { return Ok(Box::new(stream)) };
        let client = ClientConnection::new(Arc::clone(config), name.clone());
        Ok(Box::new(StreamOwned::new(client.map_err(io::Error::other)?, stream)))
    }
}
