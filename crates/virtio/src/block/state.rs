//! What a disk is saved as: how to know its image again, and what a guest wrote that is in no image.

use std::io;
use std::os::unix::fs::MetadataExt;

use bus::state::{Plain, Unfit, Unsaved, to_bytes};
use serde::{Deserialize, Serialize};

use super::file::BlockFile;
use super::overlay::Written;
use super::{Block, ChangedDisk, DiskOptions, Server};

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

    /// Whether a guest that had this finds it again in `own`. What the user takes all the same is told.
    fn fits(&self, own: &Image, options: &DiskOptions) -> Result<(), Unfit> {
        let (then, now) = ((&self.name, self.len_bytes), (&own.name, own.len_bytes));
        let changed = match self {
            _ if self == own => return Ok(()),
            _ if then == now => format!("disk image {:?} was written to since the snapshot was taken", self.name),
            _ => format!("its disk image was {:?} of {} bytes, not {:?} of {}", then.0, then.1, now.0, now.1),
        };
        // what the guest knows of its end stays true
        if options.changed == ChangedDisk::Refused || self.len_bytes != own.len_bytes {
            return Err(Unfit::of(format!("{changed}{}", self.advice(own))));
        }
        (options.report)(&format!("{changed}; what the guest remembers of it may be wrong"));
        Ok(())
    }

    /// What to do about an image that is another.
    fn advice(&self, own: &Image) -> &'static str {
        match self.len_bytes == own.len_bytes {
            true => {
                ": put it back as it was (cp -p keeps its time), or add --load-changed-disks to go on with it as it is"
            }
            false => ": name the one that the machine had",
        }
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
        let is_kept_aside = disk.file.overlay_mut().is_some();
        if is_kept_aside != saved.written.is_some() {
            let name = &saved.image.name;
            return Err(Unfit::of(format!("only one of the two machines has disk {name:?} with snapshot=on")));
        }
        saved.image.fits(&own, disk.file.options())?;
        if let (Some(overlay), Some(written)) = (disk.file.overlay_mut(), &saved.written) {
            overlay.load(written)?;
        }
        (self.features, self.writeback) = (saved.features, saved.writeback);
        Ok(())
    }

    /// The image is the host's, and what is in it is looked at there.
    fn reproducible(&mut self) -> Option<Vec<u8>> {
        to_bytes(&(self.features, self.writeback)).ok()
    }
}
