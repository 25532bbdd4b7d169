//! What Terraform is given and what is held against it, on the files of this repository: the committed inputs, the
//! guard over real plans, the rights of the release roles.

mod export;
mod guard;
mod life;
mod quota;
mod roles;
