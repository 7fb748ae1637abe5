// The map: what is in the air now, or was at a moment of the past, with a list of the same beside it.
import type { Kit } from '../../schema/web/answers.js';
import type { Api } from '../api.js';
import { button, el, setText } from '../dom.js';
import type { FleetWatch } from '../fleet.js';
import type { Live } from '../live.js';
import type { SessionWatch } from '../session.js';
import type { Moment } from '../time/moment.js';
import { TimeStrip } from '../time/time-strip.js';
import type { History } from '../timeline/history.js';
import type { View as PageView } from '../view.js';
import { BaseMap } from './base-map.js';
import { CanvasLayer } from './canvas-layer.js';
import { readCoastline } from './coastline.js';
import { drawBase } from './draw-base.js';
import type { KitMark } from './draw-kits.js';
import { drawTracks, type Scene } from './draw-tracks.js';
import { Filter } from './filter.js';
import { heardWords } from './heard-words.js';
import { kitKey, kitOfThen, marksOfNow, marksOfThen } from './kit-marks.js';
import { KitPanel } from './kit-panel.js';
import { Legend } from './legend.js';
import { LiveTracks } from './live-tracks.js';
import { Markers } from './markers.js';
import { onScreen } from './mercator.js';
import { readPalette } from './palette.js';
import { PastTracks } from './past-tracks.js';
import { TrackDetails } from './track-details.js';
import { TrackList } from './track-list.js';
import type { Place, Track, Tracks } from './tracks.js';
import { TrailLayer } from './trail-layer.js';

export interface MapParts {
  readonly api: Api;
  readonly live: Live;
  readonly fleet: FleetWatch;
  readonly history: History;
  readonly moment: Moment;
  readonly session: SessionWatch;
  readonly nowMs: () => number;
}

/** What was heard longer ago may have gone. */
const FAINT_MS = 60_000;
/** How near a click has to be; a finger is no needle. */
const REACH_PX = 18;

export class MapView implements PageView {
  private readonly base: BaseMap;
  private readonly ground: CanvasLayer;
  private readonly trails: TrailLayer;
  private readonly air: CanvasLayer;
  private readonly liveTracks: LiveTracks;
  private readonly pastTracks: PastTracks;
  private readonly filter: Filter;
  private readonly list: TrackList;
  private readonly details: TrackDetails;
  private readonly kitPanel = new KitPanel(() => this.select(null));
  private readonly legend: Legend;
  private readonly strip: TimeStrip;
  private readonly problem = el('p', { class: 'problem', role: 'alert' });
  private readonly cut = el('p', { class: 'cut', role: 'status' });
  private palette;
  private markers: Markers;
  private selected: string | null = null;
  private isFollowing = false;
  /** Nobody has moved the map yet: it shows where the kits are. */
  private isUntouched = true;
  private fitted = false;
  readonly element: HTMLElement;

  constructor(private readonly parts: MapParts) {
    const { tile_url: url = null, tile_attribution: attribution = null } = parts.session.session.value ?? {};
    this.base = new BaseMap(url === null ? null : { url, attribution });
    const coastline = url === null ? readCoastline() : null;
    this.palette = readPalette(document.documentElement);
    this.markers = new Markers(this.palette);
    this.legend = new Legend(this.markers, this.palette);
    const viewOf = () => this.base.view();
    this.ground = new CanvasLayer(this.base.element, viewOf, (context, view) => {
      drawBase(context, view, this.palette, coastline);
    });
    this.trails = new TrailLayer(this.base.element, viewOf, () => ({
      palette: this.palette,
      tracks: this.filter.showsTrails ? this.shownTracks() : [],
      kits: this.filter.showsTrails ? this.kitMarks() : [],
    }));
    this.air = new CanvasLayer(this.base.element, viewOf, (context, view) => {
      drawTracks(context, view, this.palette, this.scene());
    });
    this.liveTracks = new LiveTracks(parts.api, parts.live, () => this.changed());
    this.pastTracks = new PastTracks(parts.api, () => this.showAnew());
    this.filter = new Filter(
      parts.fleet,
      () => this.showAnew(),
      () => this.reread(),
    );
    this.list = new TrackList(
      (key) => this.select(key, true),
      () => this.filter.clear(),
    );
    this.details = new TrackDetails({
      close: () => this.select(null),
      follow: () => this.follow(!this.isFollowing),
      centre: () => this.centre(),
    });
    parts.history.start();
    this.strip = new TimeStrip(parts.history, parts.moment, parts.nowMs);
    this.element = el(
      'section',
      { class: 'map-view', 'aria-labelledby': 'map-title' },
      el('h1', { id: 'map-title', class: 'unseen' }, 'Map'),
      el(
        'div',
        { class: 'tools' },
        this.filter.element,
        button('Show all', () => this.showAll()),
      ),
      this.problem,
      this.cut,
      el(
        'div',
        { class: 'map-frame' },
        this.base.element,
        this.legend.element,
        this.strip.element,
        el(
          'aside',
          { class: 'side', 'aria-label': 'What is on the map' },
          this.details.element,
          this.kitPanel.element,
          this.list.element,
        ),
      ),
    );
    this.listen();
  }

  shown(query: URLSearchParams): void {
    this.base.measure();
    const kit = query.get('kit');
    const mark = this.kitMarks().find(({ key }) => kit !== null && key === kitKey(kit));
    if (mark !== undefined) {
      this.isUntouched = false;
      this.base.centreOn(mark.place, true);
    }
    // While another view was looked at, nothing was drawn.
    this.redraw();
    this.changedAll();
  }

  tick(): void {
    const { moment, live, nowMs } = this.parts;
    // While nothing comes, what is shown is what was known last.
    if (moment.isNow && live.state.value.connected) this.liveTracks.forgetBefore(nowMs() - this.filter.windowMs);
    this.strip.tick();
    this.changedAll();
  }

  private listen(): void {
    const { moment, live, fleet } = this.parts;
    this.base.onMove(() => this.redraw());
    this.base.onTouch(() => {
      this.isUntouched = false;
    });
    this.base.onDrag(() => this.follow(false));
    this.base.onClick((x, y) => this.click(x, y));
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.palette = readPalette(document.documentElement);
      this.markers = new Markers(this.palette);
      this.legend.paint(this.markers, this.palette);
      this.redraw();
    });
    fleet.fleet.watch(() => {
      this.readKits();
      this.air.redraw();
    });
    live.listen({ reset: () => this.reread() });
    // What came between the snapshot and the stream would be missed, so the stream is there first.
    live.state.watch(({ connected }) => {
      if (connected) this.reread();
    });
    moment.at.watch(() => this.reread());
  }

  private reread(): void {
    const { moment, nowMs } = this.parts;
    const at = moment.at.value;
    if (at === null) {
      this.pastTracks.leave();
      void this.liveTracks.read(nowMs() - this.filter.windowMs).then(() => this.trails.repaint());
      this.readKits();
    } else this.pastTracks.goTo(at, this.filter.windowMs, this.kitIds());
    this.strip.tick();
    this.showAnew();
  }

  /** Those that are new; the others once more when the stream was broken. */
  private readKits(): void {
    const { moment, nowMs } = this.parts;
    if (!moment.isNow) return;
    const read = this.liveTracks.readKits(this.kitIds(), nowMs() - this.filter.windowMs);
    void read.then((isNew) => {
      if (isNew) this.trails.repaint();
    });
  }

  private kitIds(): string[] {
    return this.kits.map(({ kit_id }) => kit_id);
  }

  private get kits(): readonly Kit[] {
    return this.parts.fleet.fleet.value.kits;
  }

  private get tracks(): Tracks {
    return this.parts.moment.isNow ? this.liveTracks.tracks : this.pastTracks.tracks;
  }

  private shownTracks(): Track[] {
    return [...this.tracks.all()].filter((track) => this.filter.lets(track));
  }

  private scene(): Scene {
    const atMs = this.parts.moment.at.value ?? this.parts.nowMs();
    return {
      markers: this.markers,
      tracks: this.shownTracks(),
      kits: this.kitMarks(),
      selected: this.selected,
      faintBeforeMs: atMs - FAINT_MS,
    };
  }

  private kitMarks(): KitMark[] {
    const atMs = this.parts.moment.at.value;
    return atMs === null
      ? marksOfNow(this.kits, this.liveTracks.kitPaths)
      : marksOfThen(this.kits, this.pastTracks.kitPaths, atMs);
  }

  private placesOf(tracks: readonly Track[]): Place[] {
    return [...this.kitMarks().map(({ place }) => place), ...tracks.flatMap(({ present }) => present?.place ?? [])];
  }

  private showAll(): void {
    this.isUntouched = false;
    this.follow(false);
    this.base.fit(this.placesOf(this.shownTracks()));
  }

  /** Once there is something to show, until somebody moves the map. */
  private findPlace(): void {
    if (!this.isUntouched || this.fitted) return;
    // Aircraft are heard from far away.
    const places = this.placesOf(this.shownTracks().filter(({ kind }) => kind === 'drone'));
    this.base.fit(places);
    // Kits and what they hear do not come at the same time.
    this.fitted = this.kits.length > 0 && places.length > this.kits.length;
  }

  private redraw(): void {
    this.ground.redraw();
    this.trails.repaint();
    this.air.redraw();
  }

  /** At the pace of the stream: only the canvases, and the place of what is followed. */
  private changed(): void {
    if (this.isFollowing) this.centre();
    this.trails.extend();
    this.air.redraw();
  }

  /** Other things are shown than before. */
  private showAnew(): void {
    this.trails.repaint();
    this.changedAll();
  }

  private changedAll(): void {
    this.changed();
    if (!this.element.isConnected) return;
    this.findPlace();
    const pastMs = this.parts.moment.at.value;
    const nowMs = this.parts.nowMs();
    const { problem, cut } = pastMs === null ? this.liveTracks : this.pastTracks;
    setText(this.problem, problem === null ? '' : `What was heard could not be read: ${problem}`);
    setText(this.cut, cut);
    this.showList(pastMs, nowMs);
    this.showSelected(pastMs, nowMs);
  }

  private showList(pastMs: number | null, nowMs: number): void {
    const { connected, sinceMs } = this.parts.live.state.value;
    const { problem, isReading } = pastMs === null ? this.liveTracks : this.pastTracks;
    const fleet = this.parts.fleet.fleet.value;
    const shown = this.shownTracks();
    const listed = {
      shown: shown.length,
      all: this.tracks.size,
      window: this.filter.windowWords,
      pastMs,
      brokenMs: connected ? null : sinceMs,
      isReading,
      isUnknown: problem !== null,
      hasNoKit: fleet.loaded && fleet.kits.length === 0,
    };
    this.list.say(heardWords(listed, nowMs), listed.shown < listed.all);
    this.list.show(shown, this.kitMarks(), this.selected, pastMs ?? nowMs);
  }

  private showSelected(pastMs: number | null, nowMs: number): void {
    const track = this.selected === null ? null : this.tracks.get(this.selected);
    if (track === null) this.details.hide();
    else {
      const name = (kitId: string): string => this.kitName(kitId);
      const heardWith = this.heardWith(track);
      this.details.show(track, heardWith, this.isFollowing, this.kitMarks(), name, pastMs ?? nowMs);
    }
    const kit = this.kits.find(({ kit_id }) => kitKey(kit_id) === this.selected) ?? null;
    const health = kit === null ? null : (this.pastTracks.kitHealth.get(kit.kit_id) ?? null);
    this.kitPanel.show(kit === null || pastMs === null ? kit : kitOfThen(kit, health), nowMs, pastMs);
  }

  /** A signal is a thing of its own for each kit that hears it. */
  private heardWith(track: Track): Track[] {
    const uid = track.present?.fields['uid'];
    if (track.kind !== 'signal' || typeof uid !== 'string') return [track];
    return [...this.tracks.all()].filter((one) => one.kind === 'signal' && one.present?.fields['uid'] === uid);
  }

  private kitName(kitId: string): string {
    return this.kits.find(({ kit_id }) => kit_id === kitId)?.name ?? kitId;
  }

  private select(key: string | null, moveFocus = false): void {
    this.selected = key === this.selected ? null : key;
    this.follow(false);
    if (this.selected === null) return;
    if (moveFocus) this.details.focus();
    this.details.reveal();
    this.kitPanel.reveal();
  }

  private follow(isFollowing: boolean): void {
    this.isFollowing = isFollowing && this.selected !== null;
    this.changedAll();
  }

  private centre(): void {
    const place = this.selected === null ? null : (this.tracks.get(this.selected)?.present?.place ?? null);
    if (place === null) return;
    this.isUntouched = false;
    this.base.centreOn(place);
  }

  /** What is nearest, if it is near enough; the sea is nothing. */
  private click(x: number, y: number): void {
    const view = this.base.view();
    let nearest: string | null = null;
    let reach = REACH_PX;
    for (const { key, world } of [...this.kitMarks(), ...this.shownTracks()]) {
      if (world === null) continue;
      const at = onScreen(world, view);
      const distance = Math.hypot(at.x - x, at.y - y);
      if (distance < reach) [nearest, reach] = [key, distance];
    }
    if (nearest !== this.selected) this.select(nearest);
  }
}
