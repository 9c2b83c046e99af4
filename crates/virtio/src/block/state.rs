//! What a disk is saved as: how to know its image again, and what a guest wrote that is in no image.

use std::io;
use std::os::unix::fs::MetadataExt;

use bus::state::{Plain, Unfit, Unsaved, check};
use serde::{Deserialize, Serialize};

use super::file::BlockFile;
use super::overlay::Written;
use super::{Block, Server};

/// A disk that no request is at.
#[derive(Deserialize, Serialize)]
pub struct Saved {
    features: u64,
    writeback: bool,
    image: Image,
    /// Without an image of its own: what the guest wrote.
    written: Option<Written>,
}

/// What an image is known by: whoever writes to it changes its time.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
struct Image {
    name: String,
    len_bytes: u64,
    modified: (i64, i64),
}

impl Image {
    fn of(file: &BlockFile) -> io::Result<Image> {
        let info = file.base().metadata()?;
        let modified = (info.mtime(), info.mtime_nsec());
        Ok(Image { name: file.name().to_owned(), len_bytes: file.len_bytes(), modified })
    }
}

impl Plain for Block {
    type State = Saved;

    fn save(&mut self) -> Result<Saved, Unsaved> {
        if let Server::Thread { busy: true, .. } | Server::Hart(Some(_)) = self.server {
            return Err(Unsaved::Busy);
        }
        let mut disk = self.shared.disk();
        let name = disk.file.name().to_owned();
        let failed = |why: io::Error| Unsaved::Never(format!("disk image {name:?} cannot be read or written: {why}"));
        // what the snapshot counts on is on the host's disk
        disk.file.stable().map_or(Ok(()), |stable| stable.wait()).map_err(failed)?;
        let written = disk.file.overlay_mut().map(|overlay| overlay.save()).transpose().map_err(failed)?;
        let image = Image::of(&disk.file).map_err(failed)?;
        Ok(Saved { features: self.features, writeback: self.writeback, image, written })
    }

    fn load(&mut self, saved: Saved) -> Result<(), Unfit> {
        let mut disk = self.shared.disk();
        let own = Image::of(&disk.file).map_err(|why| Unfit::of(why.to_string()))?;
        let Image { name, len_bytes, modified } = &saved.image;
        let other =
            || format!("its disk image was {name:?} of {len_bytes} bytes, not {:?} of {}", own.name, own.len_bytes);
        check((name, len_bytes) == (&own.name, &own.len_bytes), &other())?;
        check(*modified == own.modified, &format!("disk image {name:?} was written to since the snapshot was taken"))?;
        match (disk.file.overlay_mut(), &saved.written) {
            (Some(overlay), Some(written)) => overlay.load(written)?,
            (None, None) => {}
            _ => return Err(Unfit::of(format!("only one of the two machines has disk {name:?} with snapshot=on"))),
        }
        (self.features, self.writeback) = (saved.features, saved.writeback);
        Ok(())
    }
}
