//! Places that posts are tagged with, and what people write as their location.

/// A place as X knows it.
#[derive(Debug, PartialEq)]
pub(super) struct Place {
    pub(super) id: &'static str,
    pub(super) name: &'static str,
    pub(super) full_name: &'static str,
    pub(super) country: &'static str,
    pub(super) country_code: &'static str,
    /// `city`, `admin`, `poi`, …
    pub(super) kind: &'static str,
    /// West, south, east, north. West is east of east where the box crosses the antimeridian.
    pub(super) bbox: [f64; 4],
}

macro_rules! places {
    ($( $id:literal $kind:literal $name:literal, $full:literal, $country:literal $code:literal
        [$west:literal, $south:literal, $east:literal, $north:literal] )*) => {
        pub(super) const ALL: &[Place] = &[ $( Place {
            id: $id,
            name: $name,
            full_name: $full,
            country: $country,
            country_code: $code,
            kind: $kind,
            bbox: [$west, $south, $east, $north],
        } ),* ];
    };
}

places! {
    "0a1b2c3d4e5f6071" "city" "Turku", "Turku, Finland", "Finland" "FI" [22.0402, 60.3401, 22.4901, 60.6302]
    "0a1b2c3d4e5f6072" "city" "Porto", "Porto, Portugal", "Portugal" "PT" [-8.6912, 41.1383, -8.5526, 41.1859]
    "0a1b2c3d4e5f6073" "city" "Utrecht", "Utrecht, Nederland", "The Netherlands" "NL" [5.0042, 52.0270, 5.1950, 52.1421]
    "0a1b2c3d4e5f6074" "city" "Graz", "Graz, Österreich", "Austria" "AT" [15.3468, 47.0121, 15.5357, 47.1345]
    "0a1b2c3d4e5f6075" "city" "Leeds", "Leeds, England", "United Kingdom" "GB" [-1.6743, 53.7300, -1.3970, 53.8815]
    "0a1b2c3d4e5f6076" "admin" "Scotland", "Scotland, United Kingdom", "United Kingdom" "GB" [-8.6500, 54.6332, -0.7246, 60.8607]
    "0a1b2c3d4e5f6077" "city" "Houston", "Houston, TX", "United States" "US" [-95.8236, 29.5221, -95.0697, 30.1546]
    "0a1b2c3d4e5f6078" "city" "Duluth", "Duluth, MN", "United States" "US" [-92.3015, 46.6513, -91.9659, 46.8612]
    "0a1b2c3d4e5f6079" "admin" "Florida", "Florida, USA", "United States" "US" [-87.6349, 24.3963, -79.9743, 31.0010]
    "0a1b2c3d4e5f607a" "city" "Guadalajara", "Guadalajara, Jalisco", "Mexico" "MX" [-103.4072, 20.6034, -103.2635, 20.7510]
    "0a1b2c3d4e5f607b" "city" "Recife", "Recife, Brasil", "Brazil" "BR" [-35.0186, -8.1551, -34.8588, -7.9289]
    "0a1b2c3d4e5f607c" "city" "Rosario", "Rosario, Argentina", "Argentina" "AR" [-60.7853, -33.0322, -60.6103, -32.8700]
    "0a1b2c3d4e5f607d" "city" "Nairobi", "Nairobi, Kenya", "Kenya" "KE" [36.6645, -1.4449, 37.1048, -1.1606]
    "0a1b2c3d4e5f607e" "city" "Kumasi", "Kumasi, Ghana", "Ghana" "GH" [-1.6900, 6.6200, -1.5500, 6.7600]
    "0a1b2c3d4e5f607f" "city" "Pune", "Pune, India", "India" "IN" [73.7570, 18.4322, 73.9862, 18.6226]
    "0a1b2c3d4e5f6080" "city" "札幌市", "北海道 札幌市", "日本" "JP" [140.9903, 42.7798, 141.5082, 43.1895]
    "0a1b2c3d4e5f6081" "city" "부산", "부산, 대한민국", "대한민국" "KR" [128.7600, 34.8799, 129.3720, 35.3959]
    "0a1b2c3d4e5f6082" "city" "Θεσσαλονίκη", "Θεσσαλονίκη, Ελλάδα", "Greece" "GR" [22.8900, 40.5700, 23.0100, 40.6900]
    "0a1b2c3d4e5f6083" "poi" "Harbour Tram Stop", "Harbour Tram Stop", "Norway" "NO" [5.3221, 60.3971, 5.3221, 60.3971]
    "0a1b2c3d4e5f6084" "neighborhood" "Fitzroy", "Fitzroy, Melbourne", "Australia" "AU" [144.9724, -37.8088, 144.9861, -37.7906]
    "0a1b2c3d4e5f6085" "country" "Fiji", "Fiji", "Fiji" "FJ" [176.9000, -20.7000, -178.2000, -12.4000]
    "0a1b2c3d4e5f6086" "country" "Iceland", "Iceland", "Iceland" "IS" [-24.5465, 63.2959, -13.4946, 66.5663]
}

/// What people write as their location: anything at all.
pub(super) const LOCATIONS: &[&str] = &[
    "Turku, Finland",
    "Porto, Portugal",
    "Utrecht",
    "Leeds, England",
    "Houston, TX",
    "Texas, USA",
    "United States",
    "London",
    "London, UK",
    "Brasil",
    "Rosario, Argentina",
    "México",
    "Deutschland",
    "Île-de-France, France",
    "Lagos, Nigeria",
    "Nairobi, Kenya",
    "India",
    "Pune, India",
    "東京",
    "日本",
    "서울",
    "Россия",
    "İzmir, Türkiye",
    "القاهرة",
    "Ελλάδα",
    "Melbourne, Australia",
    "Canada",
    "Ontario, Canada",
    "somewhere near the sea",
    "the moon",
    "Earth 🌍",
    "in transit",
    "at the bus stop",
    "127.0.0.1",
    "41.15, -8.61",
    "she/her",
    "everywhere & nowhere",
    "upstairs\tdownstairs",
    "home | work",
    "🇫🇮",
];
