//! A gRPC service of one method, written without generated code: it answers what it was sent, and
//! fails when that is `fail`.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::uri::PathAndQuery;
use http::{Request as HttpRequest, Response as HttpResponse};
use streamflow_rpc::Channel;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower::Service;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Text {
    #[prost(string, tag = "1")]
    pub(crate) text: String,
}

#[derive(Clone)]
pub(crate) struct Echo;

impl NamedService for Echo {
    const NAME: &'static str = "test.Echo";
}

impl Service<HttpRequest<tonic::body::Body>> for Echo {
    type Response = HttpResponse<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: HttpRequest<tonic::body::Body>) -> Self::Future {
        Box::pin(async move {
            Ok(Grpc::new(ProstCodec::<Text, Text>::default())
                .unary(Say, request)
                .await)
        })
    }
}

struct Say;

impl UnaryService<Text> for Say {
    type Response = Text;
    type Future = std::future::Ready<Result<Response<Text>, Status>>;

    fn call(&mut self, request: Request<Text>) -> Self::Future {
        std::future::ready(match request.into_inner() {
            Text { text } if text == "fail" => Err(Status::unknown("told to fail")),
            text => Ok(Response::new(text)),
        })
    }
}

/// Calls the method over a channel.
pub(crate) async fn say(
    channel: Channel,
    path: &'static str,
    text: &str,
) -> Result<String, Status> {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.map_err(Status::from_error)?;
    let request = Request::new(Text {
        text: text.to_owned(),
    });
    let path = PathAndQuery::from_static(path);
    let answer = client
        .unary(request, path, ProstCodec::<Text, Text>::default())
        .await?;
    Ok(answer.into_inner().text)
}
