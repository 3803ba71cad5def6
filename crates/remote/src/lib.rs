//! How does hone speak to services elsewhere? The only crate that sends anything but downloads, and the only place where what is sent is logged.
