"use strict";
// The page of a build that runs: what is written to its log is added at the
// end. Without a websocket the log is read as a stream; without this script
// the page has links for both.
(() => {
  const log = document.getElementById("output");
  const state = document.getElementById("state");
  if (!log || !log.dataset.path) return;
  const most = 20000; // lines that a page can bear
  let offset = Number(log.dataset.offset), left = 0, bytes = new TextEncoder();
  const plain = (text) => text.replace(/\x1b\[[0-?]*[ -\/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)/g, "")
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
  const add = (text) => {
    const end = innerHeight + scrollY >= document.body.scrollHeight - 40;
    log.append(plain(text)); // text, whatever it says
    if ((left += text.split("\n").length - 1) > most) {
      log.textContent = log.textContent.split("\n").slice(-most / 2).join("\n");
      left = most / 2;
    }
    if (end) scrollTo(0, document.body.scrollHeight);
  };
  const ended = () => { state.textContent = "The log has ended. Load this page again for the result."; };
  const stream = async () => {
    const answer = await fetch(log.dataset.path + "?follow=true&offset=" + offset);
    if (!answer.ok) throw new Error(answer.statusText);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return ended();
      add(value);
    }
  };
  const fallback = () => stream().catch(() => { state.textContent = "The log cannot be followed now. Load this page again."; });
  const target = new URL(log.dataset.stream, location.href);
  target.protocol = target.protocol === "https:" ? "wss:" : "ws:";
  let socket;
  try { socket = new WebSocket(target); } catch { return fallback(); }
  socket.onopen = () => {
    state.textContent = "Following.";
    socket.send(JSON.stringify({ uuid: log.dataset.build, logfile: "console.log", offset }));
  };
  socket.onmessage = (message) => { offset += bytes.encode(message.data).length; add(message.data); };
  socket.onclose = (closed) => closed.code === 1000 ? ended() : fallback();
})();
