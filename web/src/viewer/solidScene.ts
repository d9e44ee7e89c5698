/** The only module that knows vtk.js: surfaces and a volume in one scene. Loaded when somebody asks for three dimensions. */
import '@kitware/vtk.js/Rendering/Profiles/Geometry';
import '@kitware/vtk.js/Rendering/Profiles/Volume';
import vtkDataArray from '@kitware/vtk.js/Common/Core/DataArray';
import vtkImageData from '@kitware/vtk.js/Common/DataModel/ImageData';
import vtkPiecewiseFunction from '@kitware/vtk.js/Common/DataModel/PiecewiseFunction';
import vtkPolyDataNormals from '@kitware/vtk.js/Filters/Core/PolyDataNormals';
import vtkImageMarchingCubes from '@kitware/vtk.js/Filters/General/ImageMarchingCubes';
import vtkActor from '@kitware/vtk.js/Rendering/Core/Actor';
import vtkColorTransferFunction from '@kitware/vtk.js/Rendering/Core/ColorTransferFunction';
import vtkMapper from '@kitware/vtk.js/Rendering/Core/Mapper';
import vtkVolume from '@kitware/vtk.js/Rendering/Core/Volume';
import vtkVolumeMapper from '@kitware/vtk.js/Rendering/Core/VolumeMapper';
import vtkGenericRenderWindow from '@kitware/vtk.js/Rendering/Misc/GenericRenderWindow';
import type { Grid, Vector } from '../volume/grid';
import { isImitated, nameOf } from './graphics';
import { toPatient } from '../volume/solid';

export interface Surface {
  /** Where it is 1, smoothed; the surface lies at one half. */
  field: Float32Array;
  colour: readonly [number, number, number];
  opacity: number;
}

export interface Scene {
  surfaces: (grid: Grid, surfaces: readonly Surface[]) => void;
  density: (grid: Grid, values: Int16Array) => void;
  /** Look from a side of the patient: where from, and what is up. */
  look: (from: Vector, up: Vector) => void;
  resize: () => void;
  close: () => void;
}

function imageOf(grid: Grid, values: Float32Array | Int16Array, placed: boolean): vtkImageData {
  const image = vtkImageData.newInstance();
  image.setDimensions(...(grid.size as [number, number, number]));
  if (placed) {
    image.setSpacing([...grid.spacingMm]);
    image.setOrigin([...grid.origin]);
    image.setDirection(grid.axes.flat() as never);
  }
  image.getPointData().setScalars(vtkDataArray.newInstance({ name: 'values', values, numberOfComponents: 1 }));
  return image;
}

function actorOf(grid: Grid, { field, colour, opacity }: Surface): vtkActor {
  const cubes = vtkImageMarchingCubes.newInstance({ contourValue: 0.5, computeNormals: false, mergePoints: true });
  cubes.setInputData(imageOf(grid, field, false));
  const surface = cubes.getOutputData();
  toPatient(surface.getPoints().getData() as Float32Array, grid);
  const normals = vtkPolyDataNormals.newInstance();
  normals.setInputData(surface);
  const mapper = vtkMapper.newInstance();
  mapper.setInputData(normals.getOutputData());
  mapper.setScalarVisibility(false);
  const actor = vtkActor.newInstance();
  actor.setMapper(mapper);
  const property = actor.getProperty();
  property.setColor(...(colour as [number, number, number]));
  property.setOpacity(opacity);
  property.setSpecular(0.2);
  return actor;
}

/** Lung tissue faint, vessels and walls by density, calcium bright: chosen by eye for chest CT, no measurement. */
const OPACITY: readonly [number, number][] = [[-1024, 0], [-960, 0], [-900, 0.006], [-700, 0.03], [-500, 0.15], [-200, 0.5], [100, 0.6], [600, 0.8]];
const COLOUR: readonly [number, number, number, number][] = [[-1024, 0.1, 0.12, 0.16], [-800, 0.35, 0.42, 0.5], [-500, 0.75, 0.5, 0.42], [-100, 0.85, 0.4, 0.32], [100, 0.95, 0.75, 0.65], [600, 1, 1, 0.95]];

function volumeOf(grid: Grid, values: Int16Array): vtkVolume {
  const mapper = vtkVolumeMapper.newInstance();
  mapper.setInputData(imageOf(grid, values, true));
  mapper.setSampleDistance(Math.min(...grid.spacingMm));
  mapper.setAutoAdjustSampleDistances(true);
  const volume = vtkVolume.newInstance();
  volume.setMapper(mapper);
  const [opacity, colour] = [vtkPiecewiseFunction.newInstance(), vtkColorTransferFunction.newInstance()];
  for (const [hu, part] of OPACITY) opacity.addPoint(hu, part);
  for (const [hu, ...rgb] of COLOUR) colour.addRGBPoint(hu, ...rgb);
  const property = volume.getProperty();
  property.setScalarOpacity(0, opacity);
  property.setRGBTransferFunction(0, colour);
  property.setScalarOpacityUnitDistance(0, 4);
  property.setInterpolationTypeToLinear();
  property.setShade(true);
  property.setAmbient(0.5);
  property.setDiffuse(0.7);
  return volume;
}

/** A scene in `element`; `onLost` when the graphics context goes, `onTurned` with the directions to the right and up. */
export function createScene(element: HTMLElement, onLost: () => void, onTurned: (right: Vector, up: Vector) => void): Scene {
  const made = vtkGenericRenderWindow.newInstance({ background: [0, 0, 0], listenWindowResize: false });
  made.setContainer(element);
  const [renderer, frame] = [made.getRenderer(), made.getRenderWindow()];
  const canvas = element.querySelector('canvas');
  const lost = (event: Event) => {
    event.preventDefault();
    onLost();
  };
  canvas?.addEventListener('webglcontextlost', lost);
  const camera = renderer.getActiveCamera();
  const turned = camera.onModified(() => {
    const [up, [dx, dy, dz]] = [camera.getViewUp(), camera.getDirectionOfProjection()];
    onTurned([dy * up[2] - dz * up[1], dz * up[0] - dx * up[2], dx * up[1] - dy * up[0]], up);
  });
  const render = () => {
    renderer.resetCameraClippingRange();
    frame.render();
  };
  return {
    surfaces: (grid, surfaces) => {
      renderer.removeAllViewProps();
      for (const surface of surfaces) renderer.addActor(actorOf(grid, surface));
      render();
    },
    density: (grid, values) => {
      renderer.removeAllViewProps();
      renderer.addVolume(volumeOf(grid, values));
      render();
    },
    look: (from, up) => {
      const centre = camera.getFocalPoint();
      camera.setPosition(centre[0] + from[0], centre[1] + from[1], centre[2] + from[2]);
      camera.setViewUp(up[0], up[1], up[2]);
      renderer.resetCamera();
      render();
    },
    resize: () => {
      made.resize();
      render();
    },
    close: () => {
      turned.unsubscribe();
      canvas?.removeEventListener('webglcontextlost', lost);
      made.delete();
    },
  };
}

/** What this PC can draw in three dimensions. */
export type Drawing3d = 'fast' | 'slow' | 'none';

export function drawing3d(): { can: Drawing3d; renderer: string } {
  const asked = (failIfMajorPerformanceCaveat: boolean) => document.createElement('canvas').getContext('webgl2', { failIfMajorPerformanceCaveat });
  const [fast, any] = [asked(true), asked(false)];
  const gl = fast ?? any;
  const renderer = nameOf(gl);
  for (const context of [fast, any]) context?.getExtension('WEBGL_lose_context')?.loseContext();
  return { can: gl === null ? 'none' : fast === null || isImitated(renderer) ? 'slow' : 'fast', renderer };
}
