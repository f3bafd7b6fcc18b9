//! A small service for the live suites; see `throughline_tests::live::service`.

fn main() {
    let options = throughline_tests::live::service::Options::parse(std::env::args().skip(1));
    throughline_tests::live::service::run(&options);
}
