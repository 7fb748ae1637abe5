// The door of Leaflet: it pans and zooms, by mouse, finger and keyboard, and loads tiles where there are any. What is
// seen on it is drawn on canvases of our own that lie above.
import { control, type LatLngBoundsExpression, type Map as LeafletMap, map, tileLayer } from 'leaflet';
import { el } from '../dom.js';
import type { View } from './mercator.js';
import type { Place } from './tracks.js';

export interface Tiles {
  /** With `{z}`, `{x}` and `{y}`. */
  readonly url: string;
  readonly attribution: string | null;
}

const TILE_PX = 256;
const MAX_ZOOM = 18;
/** Where one thing is looked at closely. */
const CLOSE_ZOOM = 15;

export class BaseMap {
  readonly element = el('div', {
    class: 'map',
    role: 'application',
    'aria-label': 'Map: arrow keys move it, plus and minus zoom. The list beside it holds the same.',
  });
  private readonly map: LeafletMap;

  constructor(tiles: Tiles | null) {
    this.map = map(this.element, {
      // Our canvases are drawn anew instead of being stretched.
      zoomAnimation: false,
      fadeAnimation: false,
      attributionControl: false,
      minZoom: 1,
      maxZoom: MAX_ZOOM,
      zoomSnap: 0.5,
      center: [20, 0],
      zoom: 2,
    });
    control.scale({ imperial: false, position: 'bottomright' }).addTo(this.map);
    if (tiles !== null) {
      tileLayer(tiles.url, { maxZoom: MAX_ZOOM }).addTo(this.map);
      // As text: the setting says it, and it is nobody's markup.
      const words = el('span', {}, tiles.attribution ?? '');
      if (tiles.attribution !== null)
        control.attribution({ prefix: false }).addAttribution(words.innerHTML).addTo(this.map);
    }
    new ResizeObserver(() => this.measure()).observe(this.element);
  }

  /** It may have another size now, or one at all; its middle stays where it is. */
  measure(): void {
    this.map.invalidateSize({ animate: false });
  }

  view(): View {
    const { min } = this.map.getPixelBounds();
    const size = this.map.getSize();
    return {
      scale: TILE_PX * 2 ** this.map.getZoom(),
      left: -(min?.x ?? 0),
      top: -(min?.y ?? 0),
      width: size.x,
      height: size.y,
    };
  }

  onMove(moved: () => void): void {
    this.map.on('move zoom resize viewreset', moved);
  }

  /** A person takes it into their hands, in whatever way. */
  onTouch(touched: () => void): void {
    for (const way of ['pointerdown', 'wheel', 'keydown'])
      this.element.addEventListener(way, touched, { passive: true });
  }

  /** A person moves it. */
  onDrag(dragged: () => void): void {
    this.map.on('dragstart', dragged);
  }

  onClick(clicked: (x: number, y: number) => void): void {
    this.map.on('click', ({ containerPoint }) => clicked(containerPoint.x, containerPoint.y));
  }

  centreOn({ lat, lon }: Place, closely = false): void {
    const zoom = closely ? Math.max(this.map.getZoom(), CLOSE_ZOOM) : this.map.getZoom();
    this.map.setView([lat, lon], zoom, { animate: false });
  }

  /** Shows all of them. */
  fit(places: readonly Place[]): void {
    if (places.length === 0) return;
    const bounds: LatLngBoundsExpression = places.map(({ lat, lon }) => [lat, lon]);
    this.map.fitBounds(bounds, { padding: [50, 50], maxZoom: CLOSE_ZOOM, animate: false });
  }
}
