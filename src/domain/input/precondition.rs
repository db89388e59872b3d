//! Conditions under which an object may be changed.

use crate::domain::problem::Problem;

/// What must stand in an object's place for a change to be made (RFC 9110, 13.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Whatever, or nothing.
    #[default]
    None,
    /// `If-Match: *`: an object of any version.
    Exists,
    /// `If-Match: "12"`: the object in this version.
    Version(u64),
    /// `If-None-Match: *`: nothing yet.
    Absent,
}

impl Precondition {
    /// Whether a change may be made of what stands there: its version, or nothing.
    ///
    /// # Errors
    /// 412 `precondition_failed`.
    pub fn check(self, version: Option<u64>) -> Result<(), Problem> {
        let detail = match (self, version) {
            (Precondition::None, _) | (Precondition::Exists, Some(_)) => return Ok(()),
            (Precondition::Version(wanted), Some(version)) if wanted == version => return Ok(()),
            (Precondition::Absent, None) => return Ok(()),
            (Precondition::Absent, Some(version)) => {
                format!(
                    "it is there already, at version \"{version}\"; leave If-None-Match out to replace it"
                )
            }
            (Precondition::Version(_), Some(version)) => {
                format!("it is at version \"{version}\" by now; read it again")
            }
            (Precondition::Version(_) | Precondition::Exists, None) => {
                "there is nothing yet; leave If-Match out to create it".to_owned()
            }
        };
        Err(Problem::new(412, "precondition_failed", detail))
    }
}
