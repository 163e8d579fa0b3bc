//! Which requests on the shared port are gRPC: those on HTTP/2 whose content type starts with
//! `application/grpc`. All others are HTTP.

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::response::IntoResponse;
use http::{Request, Response, StatusCode, Version, header};
use tonic::Status;
use tonic::service::Routes;
use tower::ServiceExt;

use super::grpc_answer::with_separate_trailers;

/// Joins gRPC services and HTTP routes. gRPC over HTTP/1.1 is 404, a service nobody offers is
/// UNIMPLEMENTED.
pub fn one_port(grpc: Routes, http: Router) -> Router {
    let grpc = grpc.into_axum_router().fallback(unknown_service);
    Router::new().fallback_service(tower::service_fn(move |request: Request<Body>| {
        dispatch(request, grpc.clone(), http.clone())
    }))
}

async fn dispatch(
    request: Request<Body>,
    grpc: Router,
    http: Router,
) -> Result<Response<Body>, Infallible> {
    if !is_grpc(&request) {
        return http.oneshot(request).await;
    }
    if request.version() != Version::HTTP_2 {
        return Ok((StatusCode::NOT_FOUND, "404 page not found\n").into_response());
    }
    grpc.oneshot(request).await.map(with_separate_trailers)
}

fn is_grpc(request: &Request<Body>) -> bool {
    request
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

async fn unknown_service(request: Request<Body>) -> Response<Body> {
    let path = request.uri().path();
    let service = path
        .strip_prefix('/')
        .and_then(|path| path.rsplit_once('/'));
    let status = match service {
        Some((service, _)) => Status::unimplemented(format!("unknown service {service}")),
        None => Status::unimplemented(format!("malformed method name: {path:?}")),
    };
    status.into_http()
}
