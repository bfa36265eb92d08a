//! The report of finished or running runs: one HTML page that needs nothing else, and a summary.
//!
//! [`RunReport::read`] collects what a run's folder has, [`Summary`] condenses it, [`page()`] draws it: one
//! run in full, several beside each other. Charts are inline SVG whose colours are classes of the page's
//! style sheet, so that they follow a light or dark display; that is also why no plotting library draws
//! them: `plotters` writes its colours into every element.

mod error;
mod page;
mod read;
mod rebuild;
mod settings;
mod summary;
mod svg;

pub use error::ReportError;
pub use page::page;
pub use read::{LayerSource, RunReport};
pub use settings::Settings;
pub use summary::{Accuracy, PartSummary, Summary, table};
