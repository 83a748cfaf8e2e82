//! Where credentials and the region come from.

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::meta::region::ProvideRegion;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use secrecy::ExposeSecret;

use super::Place;
use crate::settings::{Region, SettingValue, Settings, Url};

/// Keys that were given; else the profile, if it was; else the standard chain.
///
/// With a custom endpoint the chain ends before the metadata services of containers and instances: a session
/// against an emulator must not reach for an address outside this machine. An endpoint that serves metadata itself,
/// as the sandbox does for what runs on its hosts, is no other address.
pub(super) async fn provider(settings: &Settings, place: &Place) -> SharedCredentialsProvider {
    if let Some(keys) = given_keys(settings).filter(|_| !settings.profile_beats_keys()) {
        return SharedCredentialsProvider::new(keys);
    }
    let mut profile = ProfileFileCredentialsProvider::builder();
    if let Some(name) = settings.profile.as_ref() {
        profile = profile.profile_name(name);
    }
    // What a stronger layer chose is not given up for keys that happen to be in the environment.
    if settings.profile_beats_keys() || settings.profile.is_some() && *place == Place::Aws {
        return SharedCredentialsProvider::new(profile.build());
    }
    if *place != Place::Aws {
        let environment = EnvironmentVariableCredentialsProvider::new();
        let mut chain = CredentialsProviderChain::first_try("Environment", environment)
            .or_else("Profile", profile.build());
        if has_metadata_of_its_own(place) {
            chain = chain.or_else("Ec2InstanceMetadata", ImdsCredentialsProvider::builder().build());
        }
        return SharedCredentialsProvider::new(chain);
    }
    SharedCredentialsProvider::new(DefaultCredentialsChain::builder().build().await)
}

/// Whether the metadata service that this process is told of is a part of the endpoint.
fn has_metadata_of_its_own(place: &Place) -> bool {
    let told = std::env::var("AWS_EC2_METADATA_SERVICE_ENDPOINT").ok();
    let told = told.and_then(|url| Url::parse(&url).ok()).map(|url| url.authority());
    matches!(place, Place::Endpoint(url) if told.is_some_and(|authority| authority == url.authority()))
}

/// The keys that were given. The three belong together: a token that a weaker layer left behind is not of this id.
fn given_keys(settings: &Settings) -> Option<Credentials> {
    let layer = &settings.aws_access_key_id.origin;
    let id = settings.aws_access_key_id.as_ref()?;
    let secret = settings.aws_secret_access_key.as_ref()?;
    let token = settings.aws_session_token.as_ref();
    let token = token.filter(|_| settings.aws_session_token.origin.is_of_layer(layer));
    let token = token.map(|token| token.expose_secret().to_owned());
    Some(Credentials::new(id, secret.expose_secret(), token, None, "settings"))
}

/// The region that was given, else the profile's. Instance metadata is never asked.
pub(super) async fn region(settings: &Settings) -> Option<Region> {
    if let Some(region) = settings.region.as_ref() {
        return Some(region.clone());
    }
    let mut provider = ProfileFileRegionProvider::builder();
    if let Some(profile) = settings.profile.as_ref() {
        provider = provider.profile_name(profile);
    }
    let region = provider.build().region().await?;
    Region::parse(region.as_ref()).ok()
}
