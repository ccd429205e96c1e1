//! Lookups over one TCP connection. Responses have the order in which they become ready.

use crate::{
    connections::Connection,
    lookup::{LookupDecision, Shared},
    upstream,
};
use palisade::Protocol;
use std::{rc::Rc, sync::Arc};
use tokio::{
    io::AsyncWrite,
    net::TcpStream,
    sync::{
        Semaphore,
        mpsc::{Receiver, Sender, channel},
    },
    task::spawn_local,
    time::timeout,
};

/// The limit of lookups in flight on one connection. The proxy reads further lookups when one is complete.
const MAX_PIPELINED: usize = 100;

/// Serves one connection until the client or the proxy closes it.
pub(crate) async fn connection(shared: Arc<Shared>, stream: TcpStream, connection: Rc<Connection>) {
    let Ok(client) = stream.peer_addr() else { return };
    // A response is one small segment, which need not wait for others.
    let _ = stream.set_nodelay(true);
    let (mut reader, writer) = stream.into_split();
    let (answers, queue) = channel(MAX_PIPELINED);
    let slots = Arc::new(Semaphore::new(MAX_PIPELINED));
    let reading = async {
        loop {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
            let message = timeout(shared.idle, upstream::read(&mut reader)).await;
            let Ok(Ok(Some(bytes))) = message else { break };
            connection.begin();
            match shared.decide(&bytes, client, Protocol::Tcp) {
                LookupDecision::Dropped => {
                    connection.end();
                    break;
                }
                LookupDecision::Answered(answer) => {
                    connection.end();
                    if answers.send(answer).await.is_err() {
                        break;
                    }
                }
                LookupDecision::Forwarded(lookup) => {
                    let (shared, connection) = (Arc::clone(&shared), Rc::clone(&connection));
                    let answers = answers.clone();
                    spawn_local(async move {
                        forward(&shared, *lookup, &answers).await;
                        connection.end();
                        drop(slot);
                    });
                }
            }
        }
        // Pending lookups keep the queue open.
        drop(answers);
        core::future::pending::<()>().await;
    };
    tokio::select! {
        () = reading => {}
        () = write(writer, queue, &shared) => {}
        () = connection.evicted() => {}
    }
}

async fn forward(shared: &Shared, mut lookup: crate::lookup::Lookup, answers: &Sender<Vec<u8>>) {
    let exchange = tokio::select! {
        exchange = upstream::exchange(shared.upstream, &mut lookup, shared.timeout) => exchange,
        // The client has closed the connection.
        () = answers.closed() => return,
    };
    let answer = match exchange {
        Ok(bytes) => shared.finish(&lookup, &bytes),
        Err(error) => shared.fail(&lookup, &error.to_string()),
    };
    // Frees the slot of the lookup before the client reads.
    drop(lookup);
    if let Some(answer) = answer {
        let _ = answers.send(answer).await;
    }
}

/// Writes responses until there are no more, or until the client exceeds the time limit to read one.
async fn write(mut stream: impl AsyncWrite + Unpin, mut queue: Receiver<Vec<u8>>, shared: &Shared) {
    while let Some(answer) = queue.recv().await {
        if !matches!(timeout(shared.idle, upstream::write(&mut stream, &answer)).await, Ok(Ok(()))) {
            return;
        }
    }
}
