// The page: its parts, put together.
import { Api } from './api.js';
import { Bar } from './bar.js';
import { DownloadsView } from './downloads/downloads-view.js';
import { FleetWatch } from './fleet.js';
import { KitDialogs } from './kits/kit-dialogs.js';
import { KitsView } from './kits/kits-view.js';
import { Live } from './live.js';
import { MapView } from './map/map-view.js';
import { NoticeBoard, noticesOf } from './notices.js';
import { Router } from './router.js';
import { ServerClock } from './server-clock.js';
import { ServerWatch } from './server-watch.js';
import { SessionWatch } from './session.js';
import { Moment } from './time/moment.js';
import { History } from './timeline/history.js';
import { TimelineView } from './timeline/timeline-view.js';
import { Toast } from './toast.js';
import type { View } from './view.js';
import { welcome } from './welcome.js';

const PAGES = [
  { id: 'kits', title: 'Kits' },
  { id: 'map', title: 'Map' },
  { id: 'timeline', title: 'Timeline' },
  { id: 'downloads', title: 'Downloads' },
] as const;

function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`index.html has no #${id}`);
  return element;
}

function start(): void {
  const api = new Api();
  const clock = new ServerClock();
  const live = new Live();
  const session = new SessionWatch(api);
  const server = new ServerWatch(api, live, clock);
  const fleet = new FleetWatch(api, live);
  const moment = new Moment();
  const history = new History(api, live, fleet, () => clock.nowMs());
  const toast = new Toast(document.body);
  const nowMs = (): number => clock.nowMs();
  const view = byId('view');

  const bar = new Bar(byId('bar'), PAGES, {
    login: () => session.askToken(),
    logout: () => void session.logout(),
  });
  const notices = new NoticeBoard(byId('notices'));
  /** What is shown of the kits is of now: else it is what was known last. */
  const isLive = (): boolean => {
    const { answers, database } = server.view.value;
    return live.state.value.connected && answers && database?.ok !== false;
  };

  const kits = new KitsView(new KitDialogs(api, fleet, session, toast.say), fleet.heard, nowMs);
  const makers = new Map<string, () => View>([
    ['kits', () => kits],
    ['map', () => new MapView({ api, live, fleet, history, moment, session, nowMs })],
    ['timeline', () => new TimelineView({ history, fleet, moment, nowMs })],
    ['downloads', () => new DownloadsView(fleet, nowMs)],
  ]);
  let shownPage = '';
  const router = new Router(view, makers, (id) => {
    shownPage = id;
    bar.showPage(id);
    renderServer();
  });

  const renderServer = (): void => {
    // Of the map alone: the other views are always of now.
    bar.showServer(live.state.value, server.view.value, shownPage === 'map' && !moment.isNow);
    notices.show(noticesOf(live.state.value, server.view.value, fleet.fleet.value, Date.now()));
  };
  const render = (): void => {
    renderServer();
    kits.show(fleet.fleet.value, isLive());
  };

  let started = false;
  session.session.watch((now) => {
    bar.showSession(now);
    if (now === null) return;
    if (now.role === 'none') {
      view.replaceChildren(welcome(now.can_login, (token) => session.login(token)));
      // What was shown to one who could see it is not shown to the next.
      if (started) location.reload();
      return;
    }
    if (started) return;
    started = true;
    live.start();
    server.start();
    fleet.start();
    router.start();
    for (const watched of [live.state, server.view, fleet.fleet]) watched.watch(render);
    moment.at.watch(renderServer);
    setInterval(() => {
      renderServer();
      router.tick();
    }, 1_000);
  });
  const readSession = (): void => {
    // The server may start later than the page is opened.
    session.read().catch(() => {
      bar.showServer({ connected: false, sinceMs: Date.now() }, { ...server.view.value, answers: false }, false);
      setTimeout(readSession, 2_000);
    });
  };
  readSession();
}

start();
