// A page's stream of events. It is open only while somebody looks: browsers allow six connections to a
// server, and a seventh page would not load. What was missed is told when the page is looked at again.

/**
 * @param {string} address
 * @param {{change: (news: any) => void, end: (why: string) => void, open?: (is: boolean) => void}} heard
 */
export function stream(address, heard) {
  /** @type {EventSource|null} */
  let source = null;
  let last = "";
  let over = false;

  function open() {
    if (source || over || document.hidden) return;
    const place = new URL(address, location.href);
    if (last) place.searchParams.set("after", last);
    const mine = new EventSource(place.pathname + place.search);
    source = mine;
    mine.addEventListener("change", (event) => {
      last = /** @type {MessageEvent} */ (event).lastEventId || last;
      heard.change(JSON.parse(/** @type {MessageEvent} */ (event).data));
    });
    mine.addEventListener("bye", () => {
      over = true;
      close();
      heard.end("The session ended; this page is not renewed any more.");
    });
    mine.addEventListener("open", () => heard.open?.(true));
    mine.addEventListener("error", () => {
      heard.open?.(false);
      if (mine.readyState !== EventSource.CLOSED) return;
      over = true;
      heard.end("This page is not renewed by itself.");
    });
  }

  function close() {
    source?.close();
    source = null;
    heard.open?.(false);
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  window.addEventListener("pagehide", close);
  window.addEventListener("pageshow", open);
  open();
}

/** @param {number} n  @param {string} one  @returns {string[]} */
const some = (n, one) => (n ? [`${n.toLocaleString("en")} new ${one}${n === 1 ? "" : "s"}`] : []);

/**
 * Say what is new in one sentence.
 * @param {any} news  @returns {string}
 */
export function said(news) {
  const parts = [
    ...some(news.links.length + news.more.links, "link"),
    ...some(news.decisions.length + news.more.decisions, "decision"),
    ...(news.approvals ? ["a request for approval was asked or answered"] : []),
    ...(news.ended ? ["authority was ended or resumed"] : []),
    ...(news.heard ? ["verifiers outside the store have confirmed"] : []),
    ...(news.expired ? [`${news.expired === 1 ? "1 end" : news.expired + " ends"} by time`] : []),
  ];
  const text = parts.join(", ");
  return text ? text[0].toUpperCase() + text.slice(1) + "." : "";
}

/** @param {any} one  @param {any} two  @returns {any} both as one */
export function joined(one, two) {
  if (!one) return two;
  return {
    links: [...one.links, ...two.links],
    decisions: [...one.decisions, ...two.decisions],
    more: { links: one.more.links + two.more.links, decisions: one.more.decisions + two.more.decisions },
    approvals: one.approvals || two.approvals,
    ended: one.ended || two.ended,
    expired: one.expired + two.expired,
    heard: one.heard || two.heard,
  };
}
